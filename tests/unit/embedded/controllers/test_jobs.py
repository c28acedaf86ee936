"""Jobs: completions, retries, deadlines, indexes, suspension and their end."""

from __future__ import annotations

from typing import Any

from tests.unit.embedded.controllers.worlds import World, play

from alcove.embedded.objects import Object, annotations_of, labels_of, metadata

JOBS = "jobs.batch"


def job(**spec: Any) -> Object:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "a"}]}}
    return {"metadata": {"name": "work"}, "spec": {"template": template, **spec}}


def succeed(pod: Object) -> str:
    return "Succeeded"


def fail(pod: Object) -> str:
    return "Failed"


def created(world: World) -> int:
    return len([write for write in world.api.writes if write[:2] == ("create", "pods")])


def test_a_job_completes_after_as_many_successes_as_asked_for() -> None:
    async def scenario(world: World) -> None:
        world.kubelet.behave = succeed
        await world.create(JOBS, job(completions=5, parallelism=2))
        await world.settle()
        status = world.get(JOBS, "work")["status"]
        assert (status["succeeded"], status["ready"], created(world)) == (5, 0, 5)
        assert "active" not in status
        assert status["startTime"] <= status["completionTime"]
        message = "Reached expected number of succeeded pods"
        for kind in ("SuccessCriteriaMet", "Complete"):
            assert world.condition(JOBS, "work", kind) == ("True", "CompletionsReached", message)
        assert world.events("Completed") == ["Job completed"]

    play(scenario)


def test_no_more_pods_run_at_once_than_allowed() -> None:
    async def scenario(world: World) -> None:
        world.kubelet.start_seconds = 10
        world.kubelet.behave = succeed
        await world.create(JOBS, job(completions=5, parallelism=2))
        await world.settle(5)
        assert world.get(JOBS, "work")["status"]["active"] == 2
        await world.settle(21)
        assert world.get(JOBS, "work")["status"]["active"] == 1

    play(scenario)


def test_failures_are_retried_ever_later_until_the_limit() -> None:
    async def scenario(world: World) -> None:
        world.kubelet.behave = fail
        await world.create(JOBS, job(backoffLimit=2))
        await world.settle(8)
        assert created(world) == 1
        await world.settle(5)
        assert created(world) == 2
        await world.settle(60)
        assert created(world) == 3
        assert world.condition(JOBS, "work", "Failed") == (
            "True",
            "BackoffLimitExceeded",
            "Job has reached the specified backoff limit",
        )
        assert world.get(JOBS, "work")["status"]["failed"] == 3
        assert "completionTime" not in world.get(JOBS, "work")["status"]

    play(scenario)


def test_a_deadline_ends_the_running_pods() -> None:
    async def scenario(world: World) -> None:
        await world.create(JOBS, job(activeDeadlineSeconds=20))
        await world.settle(15)
        assert world.get(JOBS, "work")["status"]["active"] == 1
        await world.settle(10)
        assert world.condition(JOBS, "work", "Failed")[1] == "DeadlineExceeded"
        assert world.names("pods") == []

    play(scenario)


def test_it_is_failed_only_when_its_last_pod_has_ended() -> None:
    async def scenario(world: World) -> None:
        await world.create(JOBS, job(activeDeadlineSeconds=2))
        await world.settle(1)
        [pod] = world.names("pods")
        await world.patch("pods", pod, {"metadata": {"finalizers": ["example.com/hold"]}})
        await world.settle(5)
        assert world.condition(JOBS, "work", "FailureTarget")[0] == "True"
        assert world.condition(JOBS, "work", "Failed")[0] == ""
        await world.patch("pods", pod, {"metadata": {"finalizers": None}})
        await world.settle(1)
        assert world.condition(JOBS, "work", "Failed")[0] == "True"

    play(scenario)


def test_a_finished_job_removes_itself_and_its_pods_when_told_to() -> None:
    async def scenario(world: World) -> None:
        world.kubelet.behave = succeed
        await world.create(JOBS, job(ttlSecondsAfterFinished=30))
        await world.settle(20)
        assert world.names(JOBS) == ["work"]
        await world.settle(20)
        assert (world.names(JOBS), world.names("pods")) == ([], [])

    play(scenario)


def test_an_indexed_job_gives_each_pod_its_number() -> None:
    async def scenario(world: World) -> None:
        await world.create(JOBS, job(completions=3, parallelism=3, completionMode="Indexed"))
        await world.settle()
        for number, pod in enumerate(world.pods()):
            assert metadata(pod)["name"].startswith(f"work-{number}-")
            assert annotations_of(pod)["batch.kubernetes.io/job-completion-index"] == str(number)
            assert pod["spec"]["hostname"] == f"work-{number}"
            [variable] = pod["spec"]["containers"][0]["env"]
            assert variable["name"] == "JOB_COMPLETION_INDEX"

    play(scenario)


def test_only_failed_indexes_are_run_again_and_deleted_successes_are_not() -> None:
    async def scenario(world: World) -> None:
        tries: list[str] = []

        def behave(pod: Object) -> str:
            number = annotations_of(pod)["batch.kubernetes.io/job-completion-index"]
            tries.append(number)
            return "Failed" if number == "1" and tries.count("1") == 1 else "Succeeded"

        world.kubelet.behave = behave
        await world.create(JOBS, job(completions=3, parallelism=3, completionMode="Indexed"))
        await world.settle(2)
        assert world.get(JOBS, "work")["status"]["completedIndexes"] == "0,2"
        await world.delete("pods", world.names("pods")[0])
        await world.settle(60)
        assert sorted(tries) == ["0", "1", "1", "2"]
        assert world.get(JOBS, "work")["status"]["completedIndexes"] == "0-2"

    play(scenario)


def test_a_suspended_job_has_no_pods_until_it_is_resumed() -> None:
    async def scenario(world: World) -> None:
        await world.create(JOBS, job())
        await world.settle()
        await world.patch(JOBS, "work", {"spec": {"suspend": True}})
        await world.settle()
        assert world.names("pods") == []
        assert world.condition(JOBS, "work", "Suspended") == ("True", "JobSuspended", "Job suspended")
        assert "startTime" not in world.get(JOBS, "work")["status"]
        await world.patch(JOBS, "work", {"spec": {"suspend": False}})
        await world.settle()
        assert len(world.names("pods")) == 1
        assert world.condition(JOBS, "work", "Suspended") == ("False", "JobResumed", "Job resumed")

    play(scenario)


def test_a_work_queue_is_done_when_one_succeeds_and_none_is_left() -> None:
    async def scenario(world: World) -> None:
        await world.create(JOBS, job(parallelism=2))
        await world.settle()
        first, second = world.pods()
        await world.kubelet.mark(first, "Succeeded")
        await world.settle()
        assert created(world) == 2
        assert world.condition(JOBS, "work", "Complete")[0] == ""
        await world.kubelet.mark(second, "Succeeded")
        await world.settle()
        assert world.condition(JOBS, "work", "Complete")[0] == "True"

    play(scenario)


def test_restarts_in_place_count_towards_the_limit() -> None:
    async def scenario(world: World) -> None:
        item = job(backoffLimit=1)
        item["spec"]["template"]["spec"]["restartPolicy"] = "OnFailure"
        await world.create(JOBS, item)
        await world.settle()
        [pod] = world.pods()
        status = {"status": {"containerStatuses": [{"name": "main", "restartCount": 2}]}}
        await world.api.patch(
            "pods",  # type: ignore[arg-type]
            "default",
            metadata(pod)["name"],
            status,
            subresource="status",
        )
        await world.settle()
        assert world.condition(JOBS, "work", "Failed")[1] == "BackoffLimitExceeded"

    play(scenario)


def test_pods_carry_the_labels_by_which_they_are_found() -> None:
    async def scenario(world: World) -> None:
        item = await world.create(JOBS, job())
        await world.settle()
        [pod] = world.pods()
        uid = metadata(item)["uid"]
        assert labels_of(pod) == {
            "job-name": "work",
            "batch.kubernetes.io/job-name": "work",
            "controller-uid": uid,
            "batch.kubernetes.io/controller-uid": uid,
        }

    play(scenario)
