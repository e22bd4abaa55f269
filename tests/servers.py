"""PostgreSQL of Debian's package, private to one test run: a directory of its own, a free port of the loopback."""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from tests.bentos.processes import free_port, wait_for

_USER = "rxvision"
_QUICK = ("fsync=off", "shared_buffers=16MB", "max_connections=100")


@dataclass(frozen=True)
class PostgreSql:
    """A running server."""

    port: int
    password: str

    def url(self, database: str, *, user: str = _USER, password: str | None = None) -> str:
        """SQLAlchemy URL of a database, with the password in it."""
        made = URL.create("postgresql+psycopg", user, password or self.password, "127.0.0.1", self.port, database)
        return made.render_as_string(hide_password=False)

    def new_database(self) -> str:
        """URL of an empty database."""
        name = f"t{uuid.uuid4().hex}"
        self.run(f"CREATE DATABASE {name}", url=self.url("postgres"))
        return self.url(name)

    def answers(self) -> bool:
        """Whether it takes connections already."""
        try:
            self.run("SELECT 1", url=self.url("postgres"))
        except OperationalError:
            return False
        return True

    def dump(self, url: str) -> bytes:
        """All that is in a database, as PostgreSQL's own dump writes it."""
        environment = {**os.environ, "PGPASSWORD": self.password}
        database = f"postgresql://{_USER}@127.0.0.1:{self.port}/{make_url(url).database}"
        return subprocess.run([_binary("pg_dump"), database], env=environment, check=True, capture_output=True).stdout

    def run(self, *statements: str, url: str) -> None:
        """Execute statements, each at once."""
        engine = create_engine(url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))
        engine.dispose()


@contextmanager
def postgresql_server(*, durable: bool = False) -> Iterator[PostgreSql]:
    """A server that ends with the block; `durable` makes it wait for the disk, as in production."""
    directory = Path(tempfile.mkdtemp(prefix="rxvision-postgresql-"))
    as_user = _unprivileged(directory)
    port, password = free_port(), secrets.token_hex(16)
    (directory / "password").write_text(password)
    (directory / "password").chmod(0o644)  # the directory is 0700
    options = ["listen_addresses=127.0.0.1", f"port={port}", "unix_socket_directories=", *([] if durable else _QUICK)]
    with (directory / "log").open("ab") as log:
        subprocess.run(
            [_binary("initdb"), "-D", directory / "data", "-U", _USER, "--auth=scram-sha-256", "--no-sync",
             "-E", "UTF8", "--locale=C", f"--pwfile={directory / 'password'}"],
            check=True, stdout=log, stderr=log, **as_user,
        )  # fmt: skip
        process = subprocess.Popen(
            [_binary("postgres"), "-D", directory / "data", *(f"-c{one}" for one in options)],
            stdout=log, stderr=log, stdin=subprocess.DEVNULL, **as_user,
        )  # fmt: skip
    server = PostgreSql(port, password)
    try:
        wait_for(server.answers)
        yield server
    except BaseException as error:
        error.add_note((directory / "log").read_text()[-2000:])
        raise
    finally:
        process.send_signal(signal.SIGINT)  # PostgreSQL's fast shutdown
        process.wait(30)
        shutil.rmtree(directory)


def _unprivileged(directory: Path) -> dict[str, object]:
    """PostgreSQL refuses to run as root: the package's own user owns directory and processes then."""
    if os.geteuid() != 0:
        return {}
    shutil.chown(directory, "postgres", "postgres")
    return {"user": "postgres", "group": "postgres", "extra_groups": [], "cwd": directory}


def _binary(name: str) -> Path:
    """The newest of Debian's versions, which lie outside the PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
    on_path = shutil.which(name)
    if not found and on_path is None:
        raise FileNotFoundError(f"{name} is missing: `make setup` installs Debian's postgresql where it runs as root")
    return found[-1] if found else Path(on_path or "")
