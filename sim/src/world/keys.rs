//! The keys of the simulated Consul. Those of the history have a shelf of their own: there are many, nobody asks for one of
//! them, and what everybody asks for all the time, the lock and the states, is found faster without them.

use std::collections::BTreeMap;

use super::consul::Key;
use crate::kernel::keys::history_root;

/// Keys in their order.
#[derive(Default)]
pub(super) struct Keys {
    history: BTreeMap<String, Key>,
    others: BTreeMap<String, Key>,
}

impl Keys {
    pub(super) fn get(&self, name: &str) -> Option<&Key> {
        self.shelf(name).get(name)
    }

    /// The key, made where there is none.
    pub(super) fn made(&mut self, name: &str) -> &mut Key {
        self.shelf_mut(name).entry(name.to_owned()).or_default()
    }

    pub(super) fn insert(&mut self, name: String, key: Key) {
        self.shelf_mut(&name).insert(name, key);
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.shelf_mut(name).remove(name);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&String, &Key)> {
        self.below("")
    }

    /// All that begin so, in their order.
    pub(super) fn below<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a String, &'a Key)> {
        let root = history_root();
        // What is before the history and what is behind it begins so, too, where the history itself does.
        let spans = root.starts_with(prefix);
        let (middle, rest) = if spans { (root, Some(root)) } else { (prefix, None) };
        let before = self.others.range(prefix.to_owned()..).take_while(move |(key, _)| !spans || key.as_str() < root);
        let history = self.history.range(middle.to_owned()..);
        let behind = rest.into_iter().flat_map(|rest| self.others.range(rest.to_owned()..));
        let is_below = move |(key, _): &(&String, &Key)| key.starts_with(prefix);
        before.take_while(is_below).chain(history.take_while(is_below)).chain(behind.take_while(is_below))
    }

    fn shelf(&self, name: &str) -> &BTreeMap<String, Key> {
        if name.starts_with(history_root()) { &self.history } else { &self.others }
    }

    fn shelf_mut(&mut self, name: &str) -> &mut BTreeMap<String, Key> {
        if name.starts_with(history_root()) { &mut self.history } else { &mut self.others }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_listed_as_from_one_shelf() {
        let root = history_root();
        let names: Vec<String> = [
            "a",
            "replicator/config/agents/x",
            &format!("{root}1"),
            &format!("{root}2"),
            "replicator/config/leader",
            "z",
        ]
        .map(str::to_owned)
        .into();
        let mut keys = Keys::default();
        names.iter().rev().for_each(|name| keys.insert(name.clone(), Key::default()));
        let below = |prefix: &str| keys.below(prefix).map(|(name, _)| name.clone()).collect::<Vec<_>>();
        assert_eq!(below(""), names);
        for prefix in ["a", "replicator/", "replicator/config/h", root, "replicator/config/leader", "z", "no"] {
            let expected: Vec<String> = names.iter().filter(|name| name.starts_with(prefix)).cloned().collect();
            assert_eq!(below(prefix), expected, "{prefix}");
        }
        assert!(names.iter().all(|name| keys.get(name).is_some()) && keys.iter().count() == names.len());
    }
}
