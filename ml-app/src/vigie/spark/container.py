"""The image `vigie-spark`: Vigie's commands, and the parts of Spark that run in containers.

vigie-spark spark features …     any command of `vigie`
vigie-spark master               a standalone master; further words are its options
vigie-spark worker URL           a standalone worker of that master
vigie-spark executor             what Spark's driver starts on Kubernetes
vigie-spark driver …             the driver, where Spark starts that on Kubernetes as well
"""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from vigie.errors import ConfigurationError, VigieError
from vigie.files import write_atomically

NOTHING_USABLE = 2
_MASTER = "org.apache.spark.deploy.master.Master"
_WORKER = "org.apache.spark.deploy.worker.Worker"
_EXECUTOR = "org.apache.spark.scheduler.cluster.k8s.KubernetesExecutorBackend"
_JAVA_OPTION = "SPARK_JAVA_OPT_"
_TOLD_TO_EXECUTORS = {
    "--driver-url": "SPARK_DRIVER_URL",
    "--executor-id": "SPARK_EXECUTOR_ID",
    "--cores": "SPARK_EXECUTOR_CORES",
    "--app-id": "SPARK_APPLICATION_ID",
    "--hostname": "SPARK_EXECUTOR_POD_IP",
    "--resourceProfileId": "SPARK_RESOURCE_PROFILE_ID",
    "--podName": "SPARK_EXECUTOR_POD_NAME",
}
_SCRATCH = Path("/tmp")  # noqa: S108


def main(arguments: Sequence[str], scratch: Path = _SCRATCH) -> NoReturn:
    """Becomes the program that the words name; ends with 2 where it cannot."""
    try:
        environment = {**os.environ, **_account(scratch)}
        command = program(arguments, environment)
    except VigieError as failure:
        sys.stderr.write(f"vigie: {failure}\n")
        sys.exit(NOTHING_USABLE)
    # the same process goes on: signals reach the program, and its exit code is the container's
    os.execvpe(command[0], command, environment)  # noqa: S606


def program(arguments: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """The command behind the words. Raises `ConfigurationError` where a variable is missing."""
    match arguments:
        case ["master", *rest]:
            return [_spark(environment, "spark-class"), _MASTER, *rest]
        case ["worker", *rest]:
            return [_spark(environment, "spark-class"), _WORKER, *rest]
        case ["driver", *rest]:
            address = _told(environment, "SPARK_DRIVER_BIND_ADDRESS")
            bound = ("--conf", f"spark.driver.bindAddress={address}", "--deploy-mode", "client")
            return [_spark(environment, "spark-submit"), *bound, *rest]
        case ["executor", *rest]:
            return [*_executor(environment), *rest]
        case _:
            return [sys.executable, "-m", "vigie", *arguments]


def _spark(environment: Mapping[str, str], name: str) -> str:
    return f"{_told(environment, 'SPARK_HOME')}/bin/{name}"


def _executor(environment: Mapping[str, str]) -> list[str]:
    """Java, as the driver describes it in the variables of the pod."""
    numbered = {
        int(name.removeprefix(_JAVA_OPTION)): value
        for name, value in environment.items()
        if name.startswith(_JAVA_OPTION)
    }
    home = _told(environment, "SPARK_HOME")
    classes = (
        environment.get("SPARK_CONF_DIR", f"{home}/conf"),
        f"{home}/jars/*",
        environment.get("SPARK_EXTRA_CLASSPATH", ""),
    )
    heap = _told(environment, "SPARK_EXECUTOR_MEMORY")
    told = [
        word
        for option, name in _TOLD_TO_EXECUTORS.items()
        for word in (option, _told(environment, name))
    ]
    return [
        f"{environment['JAVA_HOME']}/bin/java" if environment.get("JAVA_HOME") else "java",
        *(numbered[number] for number in sorted(numbered)),
        f"-Xms{heap}", f"-Xmx{heap}", "-cp", ":".join(filter(None, classes)), _EXECUTOR, *told,
    ]  # fmt: skip


def _told(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name)
    if not value:
        raise ConfigurationError(
            f"{name} is not set; Spark itself starts this part of the image, and sets it"
        )
    return value


def _account(scratch: Path) -> dict[str, str]:
    """A name for a user that the system does not know, as of `--user`: Hadoop asks for one."""
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        accounts = scratch / "passwd"
        line = f"vigie-{os.getuid()}:x:{os.getuid()}:{os.getgid()}::{scratch}:/bin/false\n"
        try:
            write_atomically(accounts, line.encode())
        except OSError as failure:
            raise ConfigurationError(
                f"{scratch} cannot be written ({failure.strerror}): mount an empty folder there"
            ) from None
        return {
            "HOME": str(scratch),
            "LD_PRELOAD": "libnss_wrapper.so",
            "NSS_WRAPPER_PASSWD": str(accounts),
            "NSS_WRAPPER_GROUP": "/etc/group",
        }
    return {}


if __name__ == "__main__":
    main(sys.argv[1:])
