//! A pair of several VIPs as each of them sees it: a look and a verdict for each, as if it were alone,
//! while the members' own probes are made once.

use crate::{judge::Probed, judge::Target, pairs::Pair};

impl Pair {
    /// Several VIPs move together.
    #[must_use]
    pub fn has_several(&self) -> bool {
        self.vips.len() > 1
    }

    /// The pair once for each of its VIPs, in their order; as it is, if there are not several. Adverts
    /// name addresses of one family only (RFC 5798, 5.2.9), so one of another than the first's
    /// stands in none.
    #[must_use]
    pub fn views(&self) -> Vec<Self> {
        if !self.has_several() {
            return vec![self.clone()];
        }
        let view = |vip: &std::net::IpAddr| Self {
            vip: Some(*vip),
            excluded: self.excluded || self.vips[0].is_ipv4() != vip.is_ipv4(),
            ..self.clone()
        };
        self.vips.iter().map(view).collect()
    }

    /// The view for which the members are asked.
    #[must_use]
    pub fn is_first_view(&self) -> bool {
        self.vip == self.vips.first().copied()
    }
}

/// The views of each pair: its name is its own.
pub fn by_pair<'a, 'b>(views: &'a [&'b Pair]) -> impl Iterator<Item = &'a [&'b Pair]> {
    views.chunk_by(|one, other| one.called() == other.called())
}

/// Gives what members answered to the first view of each pair to its others, too.
pub fn share(views: &[&Pair], replies: &mut [Vec<Probed>]) {
    let mut of_members = Vec::new();
    for (view, replies) in views.iter().zip(replies) {
        match view.is_first_view() {
            true => {
                of_members.clone_from(replies);
                of_members.retain(|probed| probed.target != Target::Vip);
            }
            false => replies.extend(of_members.iter().cloned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_for_each_vip() {
        let pair = |vips: &str| {
            let text = format!(
                r#"{{"name":"p",{vips}"members":[{{"name":"a","address":"192.0.2.1"}},{{"name":"b","address":"192.0.2.2"}}]}}"#
            );
            Pair::parse(text.as_bytes()).unwrap().remove(0)
        };
        let views = |vips: &str| {
            let views = pair(vips).views();
            let first: Vec<bool> = views.iter().map(Pair::is_first_view).collect();
            assert!(first[0] && !first[1..].contains(&true), "{vips}");
            let told = views.iter().map(|view| match view.vip {
                Some(vip) if view.excluded => format!("{vip} excluded"),
                Some(vip) => vip.to_string(),
                None => "none".to_owned(),
            });
            told.collect::<Vec<_>>()
        };
        let all = r#""vips":["192.0.2.3","192.0.2.4"],"excluded":true,"#;
        #[rustfmt::skip]
        let cases = [
            ("", vec!["none"]),
            (r#""vip":"192.0.2.3","#, vec!["192.0.2.3"]),
            (r#""vips":["192.0.2.3"],"#, vec!["192.0.2.3"]),
            (r#""vips":["192.0.2.3","fd00::3","192.0.2.4"],"#, vec!["192.0.2.3", "fd00::3 excluded", "192.0.2.4"]),
            (all, vec!["192.0.2.3 excluded", "192.0.2.4 excluded"]),
        ];
        for (vips, want) in cases {
            assert_eq!(views(vips), want, "{vips}");
        }
    }
}
