//! The tools under test: built from the sources as they are, never found lying about.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use serde_json::Value;

/// The tools of the workspace by name, built once, in the profile of this test.
pub fn tools() -> &'static BTreeMap<String, PathBuf> {
    static TOOLS: OnceLock<BTreeMap<String, PathBuf>> = OnceLock::new();
    TOOLS.get_or_init(|| build().unwrap_or_else(|error| panic!("cargo build: {error}")))
}

fn build() -> Result<BTreeMap<String, PathBuf>, String> {
    // This test is PROFILE/deps/e2e-HASH. Cargo's own folder for tests is the one
    // place that follows --target-dir and CARGO_TARGET_DIR alike.
    let this = env::current_exe().map_err(|error| error.to_string())?;
    let profile = this
        .ancestors()
        .nth(2)
        .and_then(Path::file_name)
        .and_then(OsStr::to_str);
    let profile = profile.map(|name| if name == "debug" { "dev" } else { name });
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    let (Some(profile), Some(target)) = (profile, target) else {
        return Err(format!("{} is in no target folder", this.display()));
    };
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // What cargo tells this test of its own package; ring's build script would be run again for the sake of it, and
    // nearly all be built anew, here and by the next cargo outside.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST_"]
            .iter()
            .any(|begin| text.starts_with(begin))
        {
            cargo.env_remove(&name);
        }
    }
    cargo.args([
        "build",
        "--quiet",
        "--workspace",
        "--bins",
        "--message-format=json-render-diagnostics",
    ]);
    cargo
        .args(["--profile", profile, "--target-dir"])
        .arg(target)
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = cargo
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(output.status.to_string());
    }
    let mut tools = BTreeMap::new();
    for message in serde_json::Deserializer::from_slice(&output.stdout).into_iter::<Value>() {
        let message = message.map_err(|error| error.to_string())?;
        if let Some(tool) = message["executable"].as_str().map(PathBuf::from) {
            let name = tool
                .file_name()
                .and_then(OsStr::to_str)
                .ok_or("a tool without a name")?;
            tools.insert(name.to_owned(), tool);
        }
    }
    Ok(tools)
}

/// The tools, then the scripts, then what the machine has.
pub fn search_path(scripts: &Path) -> OsString {
    let folders: BTreeSet<PathBuf> = tools()
        .values()
        .filter_map(|tool| tool.parent())
        .map(Path::to_owned)
        .collect();
    let machine = env::var_os("PATH").unwrap_or_default();
    env::join_paths(
        folders
            .into_iter()
            .chain([scripts.to_owned()])
            .chain(env::split_paths(&machine)),
    )
    .expect("no folder of the workspace or of PATH has a ':' in its name")
}
