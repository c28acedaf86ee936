"""A space with one node: a cluster in memory, Helm that makes a Deployment's pod, builders and agents."""

from __future__ import annotations

import asyncio
import contextlib
import io
import itertools
import tarfile
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from tests.unit.app.hub.agents import AgentStream, Container
from tests.unit.app.hub.pods import ID, WAITS, running, session_pod
from tests.unit.app.hub.trees import SOURCES, keep, open_book
from tests.unit.charts.test_records import secret
from tests.unit.sessions.samples import make_settings

from alcove.agents import messages
from alcove.agents.messages import State
from alcove.app.hub.announcing import Follower
from alcove.app.hub.deploying import Deployer
from alcove.app.hub.images import Builder
from alcove.app.hub.kit import Kit
from alcove.app.hub.records import Records
from alcove.app.hub.session import LiveSession
from alcove.builds.client import BuilderGoneError
from alcove.builds.requests import BuildEvent, BuildRequest, Built, Failed, ImageConfig, Line, image_tag
from alcove.charts.drivers.ports import Plan, Templates
from alcove.charts.helm import Helm
from alcove.kube import resources
from alcove.kube.client import Object, Selection
from alcove.kube.errors import NotFoundError, UnreachableError
from alcove.kube.fake import FakeKubeClient
from alcove.sessions import calls
from alcove.sessions.ids import parse_tag
from alcove.sessions.objects import Session
from alcove.sync.manifest import Manifest

PATIENCE = 20.0
"""Seconds after which what a test waits for does not come any more."""
SETTINGS = make_settings()
CONFIG = ImageConfig(("python",), ("app.py",), "/app", "1000", ("A=b",))
NODE = "node-1"

T = TypeVar("T", bound=calls.Told)


class SpaceClient(FakeKubeClient):
    """A cluster in which agents listen."""

    def __init__(self) -> None:
        super().__init__()
        self.agents: dict[tuple[str, int], Container] = {}
        """By pod and port."""

    @contextlib.asynccontextmanager
    async def connect(self, namespace: str, pod: str, port: int) -> AsyncIterator[AgentStream]:  # type: ignore[override]
        await self.get(resources.PODS, pod, namespace=namespace)
        container = self.agents.get((pod, port))
        if container is None:
            raise UnreachableError(f"nothing listens at port {port} of {pod}")
        yield container.connect()


class FakeBuilder:
    """The builder of the node: what a context holds becomes an image."""

    def __init__(self) -> None:
        self.images: dict[str, dict[str, bytes]] = {}
        """The files of each image, by its name."""
        self.requests: list[BuildRequest] = []
        self.vanishes = 0
        """How often it goes away in the middle of a build."""
        self.parts: dict[tuple[str, str], bytes] = {}
        """What is copied out, by image and path."""
        self.held = asyncio.Event()
        self.held.set()
        """Cleared: builds do not end."""

    async def build(
        self, request: BuildRequest, context: AsyncIterator[bytes]
    ) -> AsyncGenerator[BuildEvent, None]:
        self.requests.append(request)
        content = b"".join([piece async for piece in context])
        yield Line(f"STEP 1: {request.dockerfile}")
        await self.held.wait()
        if self.vanishes:
            self.vanishes -= 1
            raise BuilderGoneError("the builder ended in the middle of a build")
        files = read_tar(content)
        if b"broken" in files[request.dockerfile]:
            yield Failed("exit code 1", "RUN make", "look at the Makefile")
            return
        self.images[request.image] = files
        yield Line("done")
        yield Built(CONFIG)

    async def exists(self, image: str) -> ImageConfig | None:
        await asyncio.sleep(0)
        return CONFIG if image in self.images else None

    async def copy_out(self, image: str, path: str, *, auth: str = "") -> AsyncGenerator[bytes, None]:
        yield self.parts[image, path]


class FakeBuilders:
    """Knows the one builder."""

    def __init__(self, builder: Builder) -> None:
        self.builder = builder

    async def find(self, node: str) -> Builder:
        await asyncio.sleep(0)
        assert node == NODE
        return self.builder


class FakeDriver:
    """Helm: a release is a Deployment with one pod, which a webhook and a kubelet look after."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self.installed: list[str] = []
        """The tags."""
        self.errors: list[Exception] = []
        self.held = asyncio.Event()
        self.held.set()
        """Cleared: installations do not end."""

    async def render(self, chart: Path, plan: Plan) -> Templates:
        return Templates({f"web/templates/{name}.yaml": text for name, text in render(plan).items()})

    async def install(self, chart: Path, plan: Plan) -> None:
        if self.errors:
            raise self.errors.pop(0)
        record = secret(plan.name, plan.revision)
        record["metadata"]["labels"] |= dict(plan.labels)
        await self._space.client.create(resources.SECRETS, record)
        await self.held.wait()
        tag = str(plan.values["image"]["tag"])
        self.installed.append(tag)
        at_once(self._space.roll_out(tag))

    async def uninstall(self, name: str, namespace: str) -> None:
        at_once(self._space.clear(f"owner=helm,name={name}"))


def render(plan: Plan) -> Mapping[str, str]:
    """Give the chart's objects."""
    tag = plan.values["image"]["tag"]
    labels = {"app": "web"}
    owned = {"app.kubernetes.io/managed-by": "Helm"}
    container = {"name": "web", "image": f"web:{tag}", "ports": [{"name": "http", "containerPort": 8080}]}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "labels": owned},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "labels": owned},
        "spec": {"selector": labels, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
    }
    host = plan.values.get("host")
    ingress = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "web"},
        "spec": {
            "rules": [
                {
                    "host": host,
                    "http": {
                        "paths": [
                            {
                                "path": "/",
                                "pathType": "Prefix",
                                "backend": {"service": {"name": "web", "port": {"name": "http"}}},
                            }
                        ]
                    },
                }
            ]
        },
    }
    objects = {"deployment": deployment, "service": service, **({"ingress": ingress} if host else {})}
    return {name: yaml.safe_dump(item) for name, item in objects.items()}


class Space:
    """The space ``dev``, of which a hub is in charge; another hub may take over at any moment."""

    def __init__(self, directory: Path, *, limit: int = 1 << 20) -> None:
        self.directory = directory
        self.limit = limit
        self.client = SpaceClient()
        self.builder = FakeBuilder()
        self.driver = FakeDriver(self)
        self.containers: dict[str, Container] = {}
        """What runs in each pod."""
        self.ready = True
        """Whether pods become ready."""

    async def begin(self) -> Kit:
        """Make the namespace; give what its hub works with."""
        await self.client.create(resources.NAMESPACES, {"metadata": {"name": "dev"}})
        return self.open()

    def open(self) -> Kit:
        """Give what a hub works with that begins now: nothing but what was written is known to it."""
        book = open_book(self.directory, limit=self.limit)
        ticks = itertools.count()
        return Kit(
            "dev",
            self.client,
            book,
            Records(self.client, "dev", lambda: 1_900_000_000.0),
            Deployer(Helm(self.driver, self.client), self.client, book.store, "dev"),
            FakeBuilders(self.builder),
            lambda: float(next(ticks)),
            lambda: 1_900_000_000.5,
        )

    # -- what a webhook, controllers and a kubelet do

    async def roll_out(self, tag: str) -> None:
        """Make the pod of a build; it waits for its image."""
        parsed = parse_tag(tag)
        assert parsed is not None
        image = f"web:{tag}"
        pod = session_pod(
            f"web-{parsed.build}",
            build=parsed.build,
            session=parsed.session,
            containers=[{"name": "web", "image": image}],
            status=WAITS,
        )
        name = pod["metadata"]["name"]
        waiting = Container(parsed.session, "build", State.WAITING)

        async def built(_message: messages.Built) -> None:
            at_once(self.start(name, image, waiting))

        waiting.built = built
        self.client.agents[name, 15080] = waiting
        await self.client.create(resources.PODS, pod)

    async def start(self, name: str, image: str, waiting: Container) -> None:
        """Let the containers of a pod begin, from what is on the node; the pods of older builds go."""
        files = {f"/app/{path}": content for path, content in self.builder.images[image].items()}
        held = waiting.settings is not None and waiting.settings.hold
        container = Container(waiting.session, state=State.HELD if held else State.RUNNING, files=files)
        self.containers[name] = container
        self.client.agents[name, 15090] = container
        del self.client.agents[name, 15080]
        build = parse_tag(image_tag(image))
        assert build is not None
        await self.set_status(name, running(ready=self.ready))
        for pod in (await self.client.list(resources.PODS, Selection("dev", labels="app=web"))).items:
            if int(pod["metadata"]["labels"]["alcove.dev/build"]) < build.build:
                await self.end_pod(pod["metadata"]["name"])

    async def set_status(self, name: str, status: Object) -> None:
        await self.client.patch(
            resources.PODS, name, {"status": status}, namespace="dev", subresource="status"
        )

    async def end_pod(self, name: str) -> None:
        for port in (15080, 15090):
            container = self.client.agents.pop((name, port), None)
            if container is not None:
                container.die()
        self.containers.pop(name, None)
        with contextlib.suppress(NotFoundError):
            await self.client.delete(resources.PODS, name, namespace="dev")

    async def clear(self, records: str) -> None:
        """Remove a release."""
        for pod in (await self.client.list(resources.PODS, Selection("dev", labels="app=web"))).items:
            await self.end_pod(pod["metadata"]["name"])
        for item in (await self.client.list(resources.SECRETS, Selection("dev", labels=records))).items:
            await self.client.delete(resources.SECRETS, item["metadata"]["name"], namespace="dev")

    async def pods(self) -> list[str]:
        found = await self.client.list(resources.PODS, Selection("dev", labels="alcove.dev/session"))
        return [pod["metadata"]["name"] for pod in found.items]


def at_once(work: Coroutine[Any, Any, None]) -> None:
    """Do what others than the hub do: it is not given up in the middle when the hub is killed."""
    with contextlib.suppress(StopIteration):
        while True:
            work.send(None)


def open_session(kit: Kit, **changes: Any) -> LiveSession:
    """Give a session of which nothing is known yet."""
    return LiveSession(kit, Session(ID, make_settings(**changes)))


async def save(kit: Kit, **changed: bytes) -> Manifest:
    """Keep the sources with some files changed; ``_`` stands for a dot, ``__`` for a slash."""
    names = {name.replace("__", "/").replace("_", "."): content for name, content in changed.items()}
    tree = keep(kit.book.store, {**SOURCES, **names})
    await kit.book.add(tree)
    return tree


class Listener:
    """Hears what a session tells."""

    def __init__(self, follower: Follower) -> None:
        self._follower = follower
        self.heard: list[calls.Told] = []
        self.following: object = None
        """Kept as long as this is, where no block keeps it."""

    async def until(self, kind: type[T], /, **fields: object) -> T:
        """Give the next event of a kind whose fields are so."""
        async with asyncio.timeout(PATIENCE):
            while True:
                told = await self._follower.next()
                self.heard.append(told)
                if isinstance(told, kind) and all(getattr(told, key) == one for key, one in fields.items()):
                    return told

    def told(self, kind: type[T]) -> list[T]:
        """Give what was heard of a kind."""
        return [one for one in self.heard if isinstance(one, kind)]


def make_tar(files: Mapping[str, bytes | str]) -> bytes:
    """Give the tar of files (bytes), links (text), and directories (paths that end with a slash)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            if path.endswith("/"):
                member.type, member.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(member)
            elif isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
                archive.addfile(member)
            else:
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def read_tar(content: bytes) -> dict[str, bytes]:
    """Give the files of a tar."""
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        return {
            member.name: stream.read()
            for member in archive
            if (stream := archive.extractfile(member)) is not None
        }
