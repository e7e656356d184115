//! What stands below the options in each subcommand's help: codes, environment, exit codes.

/// The end of each: what is read from the environment, where there is a site.
macro_rules! environment {
    ($site:literal) => {
        concat!(
            "\n\nEnvironment:\n",
            $site,
            "  NETBOX_URL, else NETBOX_API   the IPAM, if --ipam names none\n",
            "  NETBOX_TOKEN                  NetBox's token, else\n",
            "  NETBOX_TOKEN_FILE             a file whose first line it is\n",
            "  HTTPS_PROXY, NO_PROXY         the proxy to an https address, and what needs none",
        )
    };
}

macro_rules! exits {
    ($one:literal) => {
        concat!(
            "\n\nExit codes: 0 done, 1 ",
            $one,
            ", 2 bad call, input or token, nothing was changed, 3 the IPAM, the network or stdout failed"
        )
    };
}

/// `allocate`
pub const ALLOCATE: &str = concat!(
    "\
Error codes:
  exhausted         no address is left
  no-prefix         the IPAM has no such prefix or range, or the request names none
  ambiguous-prefix  several prefixes fit; the message lists them (see --scope, --pool)
  not-in-site       the site file has other VLANs, or another prefix for this one
  excluded          never handed out: the gateway, a VIP, a pair member's or node's address,
                    a range, child prefix or closed prefix, what is to be avoided
  address-taken     the wanted address has a record
  name-taken        the name has another address already, or is in the DNS for another owner's
  shared-address    the name's address has an older record, too, which keeps it (see --reassign)
  unowned           an address without an owner bears the name (see --adopt)
  duplicate-name    the batch asks twice for one owner, or for one host by two names
  bad-name          not a host name
  bad-field         another field holds what it cannot
  unknown-tag       NetBox has no such tag, or the token may not see it
  unknown-tenant    NetBox has no such tenant, or several, or the token may not see it
  missing-field     NetBox wants a field that the request does not have; the option is named
  refused-value     a rule of NetBox's own refuses a value; the message has its words
  assign-failed     the address is not, or cannot be, put onto the guest's virtual machine
  batch             sound, but another request of the batch failed
  unfinished        made, but without its role yet; run it again, which gives it
  unverified        made, but could not be read back; run it again (exit 3)
  unknown-outcome   the server's reply was lost, and it cannot be found out what it did (exit 3)

All requests are granted or none, but for configurations: each stands for itself.
A guest whose address comes by DHCP gets \"skipped\":\"dhcp\".
Records have tenant, ipam_role, ipam_status and custom_fields (an object) for --tenant, --ipam-role,
--ipam-status and --cf. A folder's file of addresses must have a column for each of these.",
    environment!("  PVX_SITE                      the site file, if --site names none\n"),
    exits!("some record has an error")
);

/// `release`
pub const RELEASE: &str = concat!(
    "\
Error codes:
  not-ours          ipalloc did not make it (see --force)
  has-findings      the record carries findings: an audit's answer is no list of what may go
                    (see --force)
  name-taken        the name has several addresses
  duplicate-name    the batch names one owner or address twice
  bad-name          not a host name
  bad-field         another field holds what it cannot
  protected         a rule of NetBox's own, or what depends on the record, keeps it there
  refused-value     a rule of NetBox's own refuses to mark it as deprecated
  batch             sound, but another record of the batch failed

AGE is a length of time: 12h, 30d, 6w.",
    environment!(""),
    exits!("some record has an error")
);

/// `show`
pub const SHOW: &str = concat!(
    "\
Error codes:
  no-prefix         the IPAM has no such VLAN, prefix or VRF",
    environment!("  PVX_SITE                      the site file, if --site names none\n"),
    exits!("the record has an error")
);

/// `list`
pub const LIST: &str = concat!(
    "\
A record has name (its owner, or null), address, prefix, vlan, dns_name, vrf, ipam_status, ipam_role,
tenant, description, tags, custom_fields, mac (in NetBox); and findings (duplicate-address) where the address has
several records.
The forms that are made of names leave out deprecated records, those without a host's name, and those
with an address that an older record has. No host at all is exit 1, unless --allow-empty.

Error codes:
  not-found         the IPAM has no record of what was named",
    environment!("  PVX_SITE                      the site file, if --site names none\n"),
    exits!("the IPAM has no record of something that was named")
);

/// `check`
pub const CHECK: &str = concat!(
    "\
Findings:
  duplicate-address the address has several records, and no role that says so
  not-in-ipam       the address has no record
  name-differs      its record has another name
  outside-prefix    the IPAM has no prefix that holds it
  no-address        the guest has no fixed address to look for
  bad-address       it is no address
  no-guest          an owned address whose guest is not in the input; no guest at all is exit 2,
                    unless --allow-empty",
    environment!("  PVX_SITE                      the site file, if --site names none\n"),
    exits!("some record has a finding or an error")
);

/// `setup`
pub const SETUP: &str = concat!(
    "\
An admin's token is needed once. Without that right, the one command an admin runs is printed.

Error codes:
  not-permitted     the token's user may not make custom fields
  field-differs     the field is there, but not as it must be",
    environment!(""),
    exits!("an admin has to act")
);
