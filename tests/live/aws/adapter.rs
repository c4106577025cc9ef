//! The adapter alone.

use replicator::adapters::aws::AwsCloud;
use replicator::domain::{InstanceId, InstanceState, Lifecycle, PoolTarget};
use replicator::ports::{Cloud, ErrorKind};

use super::moto::{GROUP, Moto, REGION, config};
use crate::block_on;

fn target(name: &str) -> PoolTarget {
    PoolTarget { provider: "aws".into(), region: REGION.into(), name: name.into() }
}

pub(crate) fn the_adapter_scales_a_group() {
    let moto = Moto::start();
    let group = moto.create_group(1, 5, 2);
    let cloud = AwsCloud::with_config(&config(&moto.address()));
    let workers = target(GROUP);
    block_on(async {
        let before = cloud.look(&workers).await.unwrap();
        assert_eq!((before.min, before.max, before.desired, before.instances.len()), (1, 5, 2, 2));
        cloud.grow(&workers, 3).await.unwrap();
        let after = cloud.look(&workers).await.unwrap();
        assert_eq!((after.min, after.max, after.desired), (1, 5, 3), "nothing else was touched");
        let ids: Vec<InstanceId> = after.instances.iter().map(|member| member.id.clone()).collect();
        let instances = cloud.instances(&workers, &ids).await.unwrap();
        assert_eq!(instances.len(), 3);
        assert!(
            instances.iter().all(|it| it.state == InstanceState::Running && it.addresses[0].starts_with("10.20.1."))
        );
        let some = cloud.instances(&workers, &["i-00000000000000000".into(), ids[0].clone()]).await.unwrap();
        assert_eq!(some.len(), 1, "what is not known is left out: {some:?}");

        group.protect(&[ids[0].as_str().to_owned()], true).await;
        group.suspend("Launch").await;
        let marked = cloud.look(&workers).await.unwrap();
        let member = marked.member(&ids[0]).unwrap();
        assert_eq!((member.protected, member.lifecycle), (true, Lifecycle::InService));
        assert_eq!(marked.suspended, ["Launch"]);

        assert!(cloud.take_out(&workers, &ids[1]).await.unwrap().is_some(), "the activity has a name");
        assert_eq!(cloud.activities(&workers).await.unwrap(), [], "and is never listed");
        let smaller = cloud.look(&workers).await.unwrap();
        assert_eq!((smaller.desired, smaller.member(&ids[1])), (2, None));
        let detached = cloud.instances(&workers, &ids[1..2]).await.unwrap();
        assert_eq!(detached[0].state, InstanceState::Running, "out of the group and running");
        cloud.end(&workers, &ids[1]).await.unwrap();
        cloud.end(&workers, &ids[1]).await.unwrap();
        let gone = cloud.instances(&workers, &ids[1..2]).await.unwrap();
        assert!(gone.iter().all(|it| it.state == InstanceState::Terminated), "{gone:?}");

        let error = cloud.look(&target("nobody")).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::NotFound);
        assert_eq!(cloud.grow(&target("nobody"), 1).await.unwrap_err().kind, ErrorKind::NotFound);
        let elsewhere = PoolTarget { region: "eu-west-1".into(), ..workers.clone() };
        assert_eq!(cloud.look(&elsewhere).await.unwrap_err().kind, ErrorKind::NotFound, "a region has its own groups");
    });
}
