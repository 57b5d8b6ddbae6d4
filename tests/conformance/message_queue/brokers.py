"""The real brokers: each one a process of ours on free loopback ports, its data in a temp folder.

All that the chosen tests want are launched at once when the first is asked for, and end with the
run. `FISSION_TEST_BROKERS=redis,nats-jetstream` limits them to these.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from fission.mqtrigger.drivers import base, nkeys
from tests.support import certificates

USER, PASSWORD = "fission", "a-secret-of-no-importance"
NKEY_SEED = nkeys.seed(bytes(range(32)))
START_SECONDS = 60.0
STOP_SECONDS = 20.0
WITH_US = ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []
"""A run that is killed takes its brokers with it."""
REPOSITORY = Path(__file__).parents[3]
KAFKA_FILES = REPOSITORY / ".venv" / "test-needs" / "kafka"
KAFKA_CLASSES = KAFKA_FILES / "classes.jsa"
"""What the JVM makes of Kafka's classes, kept: half of a start. See `kafka_classes`."""


class Broker(ABC):
    """One broker: `settings` reaches it without TLS, and without credentials where it allows that,
    `secure` with both. `authority` has signed its certificate."""

    type: str
    """As `spec.messageQueueType` says it."""

    def __init__(self, folder: Path, authority: certificates.Authority) -> None:
        self.folder = folder
        self.authority = authority
        self.processes: list[subprocess.Popen[bytes]] = []
        folder.mkdir(parents=True)
        authority.server().write(folder, "server")
        (folder / "ca.pem").write_bytes(authority.certificate)

    @staticmethod
    @abstractmethod
    def missing() -> str:
        """What is not installed, and how to; empty when everything is there."""

    @abstractmethod
    def launch(self) -> None:
        """Starts its processes and does not wait for them."""

    @abstractmethod
    def ports(self) -> list[int]:
        """Which ones answer once it is up."""

    @abstractmethod
    def settings(self, **metadata: str) -> base.Settings: ...

    @abstractmethod
    def secure(self, secret: Mapping[str, bytes] | None = None, **metadata: str) -> base.Settings:
        """TLS and credentials; `secret` replaces single keys (an empty value removes one)."""

    @abstractmethod
    async def make_topic(self, topic: str) -> None: ...

    def trusting(self) -> ssl.SSLContext:
        return ssl.create_default_context(cadata=self.authority.certificate.decode())

    def wait(self) -> None:
        for port in self.ports():
            _wait_for_port(port, self.processes, self.folder)

    def kill(self) -> None:
        """SIGKILL, as a crash."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    async def restart(self) -> None:
        """The same broker once more, on the same ports with the same data.

        It is started by the thread that lives as long as the run: what is tied to its parent's
        life is, for the kernel, tied to the thread's.
        """
        self.launch()
        await asyncio.to_thread(self.wait)

    def _start(self, command: list[str], env: Mapping[str, str] | None = None) -> None:
        with (self.folder / "output.log").open("ab") as log:
            process = subprocess.Popen(
                [*WITH_US, *command],
                cwd=self.folder,
                env={**os.environ, "HOME": str(self.folder), **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.processes.append(process)

    def _end(self, number: signal.Signals) -> None:
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
        for process in self.processes:
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(STOP_SECONDS)
        self.processes.clear()

    def _secret(self, changes: Mapping[str, bytes] | None) -> dict[str, bytes]:
        plain = {"username": USER.encode(), "password": PASSWORD.encode()}
        secret = {**plain, "ca": self.authority.certificate, **(changes or {})}
        return {key: value for key, value in secret.items() if value}


class Nats(Broker):
    """Two servers: one open, one with TLS, a user and an nkey."""

    type = "nats-jetstream"

    def __init__(self, folder: Path, authority: certificates.Authority) -> None:
        super().__init__(folder, authority)
        self.port, self.secure_port = free_ports(2)
        (folder / "open.conf").write_text(
            f'listen: "127.0.0.1:{self.port}"\njetstream {{ store_dir: "{folder}/open" }}\n'
        )
        (folder / "secure.conf").write_text(
            f'listen: "127.0.0.1:{self.secure_port}"\n'
            f'jetstream {{ store_dir: "{folder}/secure" }}\n'
            f'tls {{ cert_file: "{folder}/server.pem", key_file: "{folder}/server.key", '
            f'ca_file: "{folder}/ca.pem" }}\n'
            f'authorization {{ users: [ {{ user: "{USER}", password: "{PASSWORD}" }}, '
            f'{{ nkey: "{nkeys.public(NKEY_SEED)}" }} ] }}\n'
        )

    @staticmethod
    def missing() -> str:
        return _without("nats-server", "nats-server")

    def launch(self) -> None:
        self._start(["nats-server", "-c", "open.conf"])
        self._start(["nats-server", "-c", "secure.conf"])

    def ports(self) -> list[int]:
        return [self.port, self.secure_port]

    def settings(self, **metadata: str) -> base.Settings:
        found = {"natsServer": f"nats://127.0.0.1:{self.port}", **metadata}
        return base.Settings(self.type, "", found, {})

    def secure(self, secret: Mapping[str, bytes] | None = None, **metadata: str) -> base.Settings:
        found = {"natsServer": f"tls://127.0.0.1:{self.secure_port}", **metadata}
        return base.Settings(self.type, "", found, self._secret(secret))

    async def make_topic(self, topic: str) -> None:
        """On both servers."""
        import nats

        secured = {"user": USER, "password": PASSWORD, "tls": self.trusting()}
        opened = f"nats://127.0.0.1:{self.port}", {}
        for url, options in (opened, (f"tls://127.0.0.1:{self.secure_port}", secured)):
            client = await nats.connect(url, **options)
            await client.jetstream().add_stream(name=topic.replace(".", "-"), subjects=[topic])
            await client.close()


class Redis(Broker):
    """Two servers: one open, one with TLS and an ACL user."""

    type = "redis"

    def __init__(self, folder: Path, authority: certificates.Authority) -> None:
        super().__init__(folder, authority)
        self.port, self.secure_port = free_ports(2)
        for name in ("open", "secure"):
            (folder / name).mkdir()

    @staticmethod
    def missing() -> str:
        return _without("redis-server", "redis-server")

    def launch(self) -> None:
        common = ["redis-server", "--bind", "127.0.0.1", "--appendonly", "yes"]
        # Else a busy disk delays what was answered, and a kill loses it.
        common += ["--appendfsync", "always", "--save", ""]
        opened, secured = self.folder / "open", self.folder / "secure"
        self._start([*common, "--port", str(self.port), "--dir", str(opened)])
        certificate = ["--tls-cert-file", f"{self.folder}/server.pem"]
        certificate += ["--tls-key-file", f"{self.folder}/server.key"]
        certificate += ["--tls-ca-cert-file", f"{self.folder}/ca.pem"]
        users = ["--user", USER, "on", f">{PASSWORD}", "~allowed*", "+@all"]
        users += ["--user", "default", "off"]
        port = [
            "--port",
            "0",
            "--tls-port",
            str(self.secure_port),
            "--tls-auth-clients",
            "optional",
        ]
        self._start([*common, *port, "--dir", str(secured), *certificate, *users])

    def ports(self) -> list[int]:
        return [self.port, self.secure_port]

    def settings(self, **metadata: str) -> base.Settings:
        found = {"address": f"127.0.0.1:{self.port}", **metadata}
        return base.Settings(self.type, "", found, {})

    def secure(self, secret: Mapping[str, bytes] | None = None, **metadata: str) -> base.Settings:
        found = {"address": f"127.0.0.1:{self.secure_port}", "enableTLS": "true", **metadata}
        return base.Settings(self.type, "", found, self._secret(secret))

    async def make_topic(self, topic: str) -> None:
        """A stream begins with its first entry or its first group."""


class RabbitMQ(Broker):
    """A node of its own, one process: no port mapper, as no other node looks for it."""

    type = "rabbitmq"
    program = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
    """What Debian's /usr/sbin/rabbitmq-server runs as the user rabbitmq; nothing else finds it."""

    def __init__(self, folder: Path, authority: certificates.Authority) -> None:
        super().__init__(folder, authority)
        self.port, self.secure_port, self._distribution = free_ports(3)
        (folder / "enabled_plugins").write_text("[].")
        (folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\n"
            f"listeners.ssl.1 = 127.0.0.1:{self.secure_port}\n"
            f"ssl_options.cacertfile = {folder}/ca.pem\n"
            f"ssl_options.certfile = {folder}/server.pem\n"
            f"ssl_options.keyfile = {folder}/server.key\n"
            "ssl_options.verify = verify_peer\nssl_options.fail_if_no_peer_cert = false\n"
            f"default_user = {USER}\ndefault_pass = {PASSWORD}\n"
            "log.file = false\nlog.console = true\nlog.console.level = warning\n"
        )

    @staticmethod
    def missing() -> str:
        if not RabbitMQ.program.exists():
            return "no rabbitmq-server (apt-get install rabbitmq-server)"
        return ""

    def launch(self) -> None:
        node = f"test-{self.port}@localhost"
        # A node that has its name from the start does not start a mapper. Input is "allowed", that
        # is, the shell makes room for the node instead of waiting for it, and then it reads none.
        flags = f"-noinput -sname {node} -start_epmd false -erl_epmd_port {self._distribution}"
        self._start(
            [str(self.program)],
            {
                "RABBITMQ_ALLOW_INPUT": "1",
                "RABBITMQ_NODENAME": node,
                "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
                "RABBITMQ_CONF_ENV_FILE": str(self.folder / "none.conf"),
                "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
                "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
                "RABBITMQ_LOG_BASE": str(self.folder / "log"),
                "RABBITMQ_DIST_PORT": str(self._distribution),
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"{flags} +sbwt none +sbwtdcpu none +S 1:1",
            },
        )

    def ports(self) -> list[int]:
        return [self.port, self.secure_port]

    def settings(self, **metadata: str) -> base.Settings:
        host = f"amqp://{USER}:{PASSWORD}@127.0.0.1:{self.port}/"
        return base.Settings(self.type, "", metadata, {"host": host.encode()})

    def secure(self, secret: Mapping[str, bytes] | None = None, **metadata: str) -> base.Settings:
        found = {"host": f"amqps://127.0.0.1:{self.secure_port}/", **metadata}
        return base.Settings(self.type, "", found, self._secret(secret))

    async def make_topic(self, topic: str) -> None:
        import aio_pika

        url = f"amqp://{USER}:{PASSWORD}@127.0.0.1:{self.port}/"
        async with await aio_pika.connect(url) as connection:
            channel = await connection.channel()
            await channel.declare_queue(topic, durable=True)


class Kafka(Broker):
    """One node that is broker and controller; the second listener wants TLS and SASL."""

    type = "kafka"
    options = ""
    """More for its JVM."""

    def __init__(self, folder: Path, authority: certificates.Authority) -> None:
        super().__init__(folder, authority)
        self.port, self.secure_port, controller = free_ports(3)
        pem = (folder / "server.key").read_text() + (folder / "server.pem").read_text()
        (folder / "keystore.pem").write_text(pem)
        login = "org.apache.kafka.common.security"
        plain = f'{login}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
        addresses = f"PLAINTEXT://127.0.0.1:{self.port},SASL_SSL://127.0.0.1:{self.secure_port}"
        lines = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"{addresses},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": addresses,
            "inter.broker.listener.name": "PLAINTEXT",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,"
            "SASL_SSL:SASL_SSL",
            "log.dirs": str(folder / "data"),
            "auto.create.topics.enable": "false",
            "offsets.topic.num.partitions": "1",
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            "group.min.session.timeout.ms": "1000",
            "log.cleaner.enable": "false",
            "num.network.threads": "2",
            "num.io.threads": "2",
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(folder / "keystore.pem"),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(folder / "ca.pem"),
            "listener.name.sasl_ssl.plain.sasl.jaas.config": plain,
        }
        for mechanism in ("256", "512"):
            name = f"listener.name.sasl_ssl.scram-sha-{mechanism}.sasl.jaas.config"
            lines[name] = f"{login}.scram.ScramLoginModule required;"
        text = "".join(f"{key}={value}\n" for key, value in lines.items())
        (folder / "server.properties").write_text(text)

    @staticmethod
    def missing() -> str:
        if not (KAFKA_FILES / "jars").is_dir():
            return "Kafka's jars are not there; bin/test downloads them"
        return _without("java", "default-jre-headless")

    def launch(self) -> None:
        # Classes that were kept by another JVM, or from other jars, are passed over.
        kept = f"-XX:SharedArchiveFile={KAFKA_CLASSES} -Xshare:auto" * KAFKA_CLASSES.exists()
        small = f"-Xms96m -Xmx256m -Xss512k -XX:+UseSerialGC -XX:TieredStopAtLevel=1 {kept}"
        java = f"java {small} -cp '{KAFKA_FILES}/jars/*'"
        start = f"exec {java} {self.options} kafka.Kafka server.properties"
        if not (self.folder / "data").exists():
            cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
            credentials = " ".join(
                f"--add-scram 'SCRAM-SHA-{bits}=[name={USER},password={PASSWORD}]'"
                for bits in (256, 512)
            )
            tool = f"{java} kafka.tools.StorageTool format -t {cluster} -c server.properties"
            start = f"{tool} {credentials} && {start}"
        self._start(["sh", "-c", start])

    def ports(self) -> list[int]:
        return [self.port, self.secure_port]

    def settings(self, **metadata: str) -> base.Settings:
        found = {"bootstrapServers": f"127.0.0.1:{self.port}", **metadata}
        return base.Settings(self.type, "", found, {})

    def secure(self, secret: Mapping[str, bytes] | None = None, **metadata: str) -> base.Settings:
        found = {"bootstrapServers": f"127.0.0.1:{self.secure_port}", "tls": "enable"}
        found |= {"sasl": "scram_sha512"} | metadata
        return base.Settings(self.type, "", found, self._secret(secret))

    async def make_topic(self, topic: str, partitions: int = 1) -> None:
        from aiokafka import admin

        client = admin.AIOKafkaAdminClient(bootstrap_servers=f"127.0.0.1:{self.port}")
        await client.start()
        try:
            await client.create_topics([admin.NewTopic(topic, partitions, 1)])
        finally:
            await client.close()


KINDS: dict[str, type[Broker]] = {kind.type: kind for kind in (Kafka, Nats, RabbitMQ, Redis)}


class Brokers:
    """Those of one run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._authority = certificates.Authority("the tests' authority")
        self._running: dict[str, Broker] = {}
        self._ready: set[str] = set()

    def launch(self, names: Iterable[str]) -> None:
        """Starts those that can be started; `get` waits for one."""
        for name in names:
            if name not in self._running and not missing(name):
                broker = KINDS[name](self._folder / name, self._authority)
                self._running[name] = broker
                broker.launch()

    def get(self, name: str) -> Broker:
        self.launch([name])
        if name not in self._ready:
            self._running[name].wait()
            self._ready.add(name)
        return self._running[name]

    def stop(self) -> None:
        for broker in self._running.values():
            broker.stop()


def missing(name: str) -> str:
    """Why the broker cannot be had, empty if it can."""
    chosen = os.environ.get("FISSION_TEST_BROKERS")
    if chosen is not None and name not in chosen.split(","):
        return f"FISSION_TEST_BROKERS leaves {name} out"
    return KINDS[name].missing()


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Brokers]:
    made = Brokers(folder)
    try:
        yield made
    finally:
        made.stop()


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def _without(program: str, package: str) -> str:
    if shutil.which(program) or Path("/usr/sbin", program).exists():
        return ""
    return f"no {program} (apt-get install {package})"


def _wait_for_port(port: int, processes: list[subprocess.Popen[bytes]], folder: Path) -> None:
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up and all(each.poll() is None for each in processes):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
            return
        time.sleep(0.05)
    raise RuntimeError(f"no broker on port {port}: {(folder / 'output.log').read_text()[-2000:]}")
