//! The Consul adapter against a real Consul.

use std::time::Duration;

use replicator::ports::{Consul, Guard, LockState, SessionRequest, Wait, Write, WriteOutcome};
use replicator::state::Noted;

use crate::consul::ConsulServer;
use crate::{block_on, eventually};

fn session(lock_delay: u64) -> SessionRequest {
    let lock_delay = Duration::from_secs(lock_delay);
    SessionRequest { name: "live test".into(), ttl: Duration::from_secs(15), lock_delay }
}

pub(crate) fn l3_the_lock_delay_keeps_everyone_out() {
    let server = ConsulServer::start();
    let consul = server.client();
    let (first, second) = block_on(async {
        (consul.create_session(&session(3)).await.unwrap(), consul.create_session(&session(3)).await.unwrap())
    });
    block_on(async {
        assert!(consul.acquire("lock", &first).await.unwrap());
        assert!(consul.acquire("lock", &first).await.unwrap(), "again is harmless");
        assert!(!consul.acquire("lock", &second).await.unwrap());
        consul.renew_session(&first).await.unwrap();
        consul.destroy_session(&first).await.unwrap();
        consul.destroy_session(&first).await.unwrap();
        assert_eq!(consul.renew_session(&first).await.unwrap_err().kind, replicator::ports::ErrorKind::NotFound);
        assert_eq!(consul.lock("lock", None).await.unwrap().value, LockState::Free);
        assert!(!consul.acquire("lock", &second).await.unwrap(), "free, and yet not to be had");
    });
    eventually("the lock delay to end", || block_on(consul.acquire("lock", &second)).unwrap().then_some(()));
    block_on(async {
        consul.release("lock", &second).await.unwrap();
        let third = consul.create_session(&session(3)).await.unwrap();
        assert!(consul.acquire("lock", &third).await.unwrap(), "a lock that was released has no delay");
        assert_eq!(consul.lock("lock", None).await.unwrap().value, LockState::Held(third));
    });
}

pub(crate) fn s3_of_two_writers_one_wins() {
    let server = ConsulServer::start();
    let consul = server.client();
    block_on(async {
        let holder = consul.create_session(&session(1)).await.unwrap();
        assert!(consul.acquire("root/leader", &holder).await.unwrap());
        let guard = Guard { key: "root/leader".into(), session: holder.clone() };
        let write = |value: &str, expected_index| Write {
            key: "root/state/jobs/a b/ü".into(),
            value: value.into(),
            expected_index,
            guard: guard.clone(),
            notes: vec![Noted { key: format!("root/history/{value}"), value: value.into() }],
        };
        let WriteOutcome::Written(index) = consul.write(&write("1", 0)).await.unwrap() else { panic!("not written") };
        assert_eq!(consul.write(&write("2", 0)).await.unwrap(), WriteOutcome::Changed, "it exists");
        // Ours and the operator's, on the same index.
        let (mine, theirs) = futures_util::join!(
            async { consul.write(&write("mine", index)).await.unwrap() != WriteOutcome::Changed },
            async { consul.write_unlocked("root/state/jobs/a b/ü", b"theirs", index).await.unwrap() },
        );
        assert!(mine != theirs, "one of the two wins, and the other knows");
        let listed = consul.list("root/state/", None).await.unwrap();
        assert_eq!(listed.value.len(), 1);
        assert_eq!(listed.value[0].value, if mine { &b"mine"[..] } else { b"theirs" });
        let noted = consul.list("root/history/", None).await.unwrap().value.into_iter().map(|it| it.key);
        let expected = if mine { vec!["root/history/1", "root/history/mine"] } else { vec!["root/history/1"] };
        assert_eq!(noted.collect::<Vec<_>>(), expected, "what was not written is not noted either (S18)");
        let index = listed.value[0].modify_index;
        consul.destroy_session(&holder).await.unwrap();
        assert_eq!(consul.write(&write("late", index)).await.unwrap(), WriteOutcome::LockLost);
        assert_eq!(consul.list("root/state/", None).await.unwrap().value[0].modify_index, index, "nothing was written");
    });
}

pub(crate) fn blocking_queries_wake_up() {
    let server = ConsulServer::start();
    let consul = server.client();
    block_on(async {
        let empty = consul.list("root/state/", None).await.unwrap();
        assert!(empty.value.is_empty() && empty.index > 0, "an empty listing has an index to wait on: {}", empty.index);
        let wait = Some(Wait { past: empty.index, at_most: Duration::from_mins(2) });
        let (listed, written) = futures_util::join!(consul.list("root/state/", wait), async {
            // The query is on its way first: it would answer at once otherwise, and prove nothing.
            tokio::time::sleep(Duration::from_millis(300)).await;
            consul.write_unlocked("root/state/a", b"{}", 0).await
        });
        assert!(written.unwrap());
        let listed = listed.unwrap();
        assert_eq!((listed.value.len(), listed.index > empty.index), (1, true));
        let wait = Some(Wait { past: listed.index, at_most: Duration::from_secs(1) });
        let same = consul.list("root/state/", wait).await.unwrap();
        assert_eq!(same.index, listed.index, "nothing changed");
    });
}
