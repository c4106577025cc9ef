//! Deployments, and the evaluation that is followed.

use replicator::domain::{Deployment, JobKey};
use replicator::ports::Nomad;
use serde_json::{Value, json};

use super::{answering, check, said};
use crate::nomad;
use crate::recording::recorded;

fn running() -> Value {
    recorded("nomad-2.0.5/job-blocked-deployment").json()
}

async fn told(page: Value, tell: impl Fn(Deployment) -> String) -> String {
    let server = answering(&page).await;
    said(nomad(&server).latest_deployment(&JobKey::in_default("web")).await, |found| tell(found.unwrap()))
}

#[tokio::test]
async fn a_deployment_says_what_it_deploys_or_is_a_problem_by_name() {
    let mut page = running();
    page["ID"] = json!("d");
    page["JobSpecModifyIndex"] = json!(8);
    page["CreateIndex"] = json!(9);
    let head = async |page| {
        let tell = |it: Deployment| format!("{} {} {} {:?}", it.job, it.job_modify_index, it.create_index, it.status);
        told(page, tell).await
    };
    let mut old = page.clone();
    old["JobModifyIndex"] = json!(7);
    check(
        &old,
        &[
            ("/ID", Some(json!("")), "error: it has no ID"),
            ("/Namespace", Some(json!(null)), "blocked 8 9 Running"),
            ("/JobID", Some(json!(null)), "error: deployment d: it has no job"),
            ("/JobSpecModifyIndex", Some(json!(0)), "blocked 7 9 Running"),
            ("/JobSpecModifyIndex", None, "blocked 7 9 Running"),
            ("/CreateIndex", Some(json!(0)), "error: deployment d: it has no create index"),
            ("/Status", Some(json!("dreaming")), "blocked 8 9 Running"),
            ("/Status", Some(json!(null)), "blocked 8 9 Running"),
            ("/Status", Some(json!("failed")), "blocked 8 9 Failed"),
        ],
        head,
    )
    .await;
    old.as_object_mut().unwrap().remove("JobSpecModifyIndex");
    let none = "error: deployment d: it has no modify index of its job";
    check(&old, &[("/JobModifyIndex", Some(json!(0)), none), ("/JobModifyIndex", None, none)], head).await;
}

#[tokio::test]
async fn a_deployment_hangs_only_where_all_numbers_say_so() {
    let hang = async |page| told(page, |it| format!("{:?}", it.hang)).await;
    let mut healthy = running();
    healthy["TaskGroups"] = json!({"g": {
        "DesiredCanaries": 0, "PlacedCanaries": null, "Promoted": false, "AutoPromote": false,
        "DesiredTotal": 2, "HealthyAllocs": 2
    }});
    let whole = "Some(AllHealthy)";
    check(
        &healthy,
        &[
            ("/TaskGroups/g/DesiredTotal", Some(json!(2)), whole),
            ("/TaskGroups/g/DesiredTotal", Some(json!(0)), "None"),
            ("/TaskGroups/g/DesiredTotal", Some(json!(null)), "None"),
            ("/TaskGroups/g/HealthyAllocs", Some(json!(1)), "None"),
            ("/TaskGroups/g/HealthyAllocs", Some(json!(null)), "None"),
            ("/TaskGroups/g/HealthyAllocs", Some(json!(-2)), "None"),
            ("/TaskGroups/g/DesiredCanaries", Some(json!(null)), whole),
            ("/TaskGroups/g/PlacedCanaries", Some(json!(null)), whole),
            ("/TaskGroups", Some(json!(null)), "None"),
            ("/TaskGroups", Some(json!({})), "None"),
            ("/Status", Some(json!("successful")), "None"),
            ("/StatusDescription", Some(json!(null)), whole),
        ],
        hang,
    )
    .await;
    let mut canary = healthy;
    canary["TaskGroups"]["g"]["DesiredCanaries"] = json!(1);
    canary["TaskGroups"]["g"]["PlacedCanaries"] = json!(["a"]);
    canary["TaskGroups"]["g"]["HealthyAllocs"] = json!(1);
    let waits = "Some(AwaitsPromotion)";
    let described = json!("Deployment is running but requires manual promotion");
    check(
        &canary,
        &[
            ("/TaskGroups/g/Promoted", Some(json!(null)), waits),
            ("/TaskGroups/g/Promoted", Some(json!(true)), "None"),
            ("/TaskGroups/g/AutoPromote", Some(json!(null)), waits),
            ("/TaskGroups/g/AutoPromote", Some(json!(true)), "None"),
            ("/TaskGroups/g/PlacedCanaries", Some(json!([])), "None"),
            ("/TaskGroups/g/DesiredCanaries", Some(json!(2)), "None"),
            ("/TaskGroups/g/DesiredCanaries", Some(json!(-1)), "None"),
            ("/TaskGroups/g/HealthyAllocs", Some(json!(0)), "None"),
            ("/StatusDescription", Some(described), waits),
        ],
        hang,
    )
    .await;
}

#[tokio::test]
async fn an_evaluation_is_done_only_where_it_says_so() {
    let page = json!({"ID": "e", "Status": "complete", "DeploymentID": "d", "ModifyTime": 1_000});
    let evaluation = async |page: Value| {
        let server = answering(&page).await;
        said(nomad(&server).evaluation(&JobKey::in_default("web"), &"e".into()).await, |it| {
            let deployment = it.deployment.map(|id| id.to_string());
            format!("{} {:?} {deployment:?} {}", it.id, it.status, it.modified.is_some())
        })
    };
    check(
        &page,
        &[
            ("/ID", Some(json!(null)), "error: it has no ID"),
            ("/Status", Some(json!("dreaming")), "e Pending Some(\"d\") true"),
            ("/Status", None, "e Pending Some(\"d\") true"),
            ("/DeploymentID", Some(json!("")), "e Complete None true"),
            ("/DeploymentID", Some(json!(null)), "e Complete None true"),
            ("/ModifyTime", Some(json!(0)), "e Complete Some(\"d\") false"),
            ("/ModifyTime", Some(json!(-1)), "e Complete Some(\"d\") false"),
            ("/ModifyTime", None, "e Complete Some(\"d\") false"),
        ],
        evaluation,
    )
    .await;
}
