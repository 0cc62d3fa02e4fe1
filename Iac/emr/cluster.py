"""The cluster: its machines, applications, step and end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from emr.account import found
from emr.options import MACHINES, Refused
from emr.roles import node_role, service_role

if TYPE_CHECKING:
    from emr.account import Account
    from emr.options import Machine, Step

PRIMARY = "m5.xlarge"
ALIVE = ["STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING"]
JUPYTERHUB_PORT = 9443
ROOT = "/opt/vigie"
PACKAGES = f"{ROOT}/lib/python3.11/site-packages"
_CODECS = ("Default", "Gzip", "BZip2", "Snappy")
_NO_SECURITY = ("InvalidRequestException", "ResourceNotFoundException")
# metadata by session tokens alone; two hops, because JupyterHub is a container
_SECURITY = {
    "InstanceMetadataServiceConfiguration": {
        "MinimumInstanceMetadataServiceVersion": 2, "HttpPutResponseHopLimit": 2,
    }
}  # fmt: skip


def make(account: Account, groups: dict[str, str]) -> None:
    """Starts a cluster where none is alive; one that is alive gets the step."""
    _make_security(account)
    alive = alive_id(account)
    name = account.options.prefix
    emr = account.client("emr")
    if alive is None:
        account.make(
            f"cluster {name}: {account.options.release}, 1 {PRIMARY} and "
            f"{account.options.workers} {account.options.worker}",
            emr.run_job_flow,
            **request(account, groups),
        )
    elif account.options.step is not None:
        account.make(
            f"cluster {name} ({alive}): a step",
            emr.add_job_flow_steps,
            JobFlowId=alive,
            Steps=_steps(account),
        )
    else:
        account.say(f"  cluster {name} ({alive}) is there")


def remove(account: Account) -> None:
    """Ends the cluster, waits for its end and deletes what belongs to it."""
    emr, alive, name = account.client("emr"), alive_id(account), account.options.prefix
    if alive is not None:
        account.remove(f"cluster {name} ({alive})", _terminate, emr, alive)
    if _security(account) == _SECURITY:
        account.remove(
            f"security configuration {name}", emr.delete_security_configuration, Name=name
        )


def alive_id(account: Account) -> str | None:
    """Id of the cluster of ours that runs or starts; None: there is none."""
    emr = account.client("emr")
    pages = emr.get_paginator("list_clusters").paginate(ClusterStates=ALIVE)
    clusters = [entry for page in pages for entry in page["Clusters"]]
    named = [c["Id"] for c in clusters if c["Name"] == account.options.prefix]
    # several may have one name, and the list does not say whose they are
    return next((one for one in named if account.owns(_tags(emr, one))), None)


def request(account: Account, groups: dict[str, str]) -> dict[str, Any]:
    """What starts the cluster, as EMR's RunJobFlow takes it."""
    options, code = account.options, f"s3://{account.bucket}/code"
    bootstrap = {"Path": f"{code}/bootstrap.sh", "Args": [code]}
    return {
        "Name": options.prefix,
        "ReleaseLabel": options.release,
        "LogUri": f"s3://{account.bucket}/logs/",
        "Applications": [{"Name": n} for n in ("Hadoop", "Spark", "Livy", "JupyterHub")],
        "Instances": _instances(account, groups),
        "Steps": _steps(account),
        "BootstrapActions": [{"Name": "vigie", "ScriptBootstrapAction": bootstrap}],
        "Configurations": _configurations(account),
        "ServiceRole": service_role(account),
        "JobFlowRole": node_role(account),
        "SecurityConfiguration": options.prefix,
        "AutoTerminationPolicy": {"IdleTimeout": options.idle_minutes * 60},
        "EbsRootVolumeSize": 40,
        "Tags": account.tags,
    }


def _instances(account: Account, groups: dict[str, str]) -> dict[str, Any]:
    options = account.options
    kinds = (("MASTER", PRIMARY, 1), ("CORE", options.worker, options.workers))
    return {
        "InstanceGroups": [
            {"Name": role.lower(), "InstanceRole": role, "InstanceType": kind,
             "InstanceCount": count, "Market": "ON_DEMAND"}
            for role, kind, count in kinds
        ],
        "Ec2SubnetId": options.subnet,
        "EmrManagedMasterSecurityGroup": groups.get("primary", ""),
        "EmrManagedSlaveSecurityGroup": groups.get("workers", ""),
        "KeepJobFlowAliveWhenNoSteps": options.keep or options.step is None,
        **({"Ec2KeyName": options.key} if options.key else {}),
    }  # fmt: skip


def _configurations(account: Account) -> list[dict[str, Any]]:
    notebooks = {
        "s3.persistence.enabled": "true", "s3.persistence.bucket": account.bucket,
    }  # fmt: skip
    return [{"Classification": "jupyter-s3-conf", "Properties": notebooks}]


def _steps(account: Account) -> list[dict[str, Any]]:
    step = account.options.step
    if step is None:
        return []
    after = "CONTINUE" if account.options.keep else "TERMINATE_CLUSTER"
    jar = {"Jar": "command-runner.jar", "Args": command(account, step)}
    return [{"Name": "vigie spark features", "ActionOnFailure": after, "HadoopJarStep": jar}]


def command(account: Account, step: Step) -> list[str]:
    """What the step runs on the primary machine: Vigie's own Spark on EMR's YARN."""
    wanted = [] if step.components is None else ["--components", str(step.components)]
    machine = MACHINES[account.options.worker]
    conf = spark_settings(machine, account.options.workers)
    return [
        "env", "HADOOP_CONF_DIR=/etc/hadoop/conf",
        f"{ROOT}/bin/vigie", "spark", "features", step.model,
        "--input", step.source, "--output", step.target, *wanted, "--master", "yarn",
        # EMR calls a step failed that ends with another code, whatever it has written
        "--allow-failed",
        *(part for name, value in conf.items() for part in ("--conf", f"{name}={value}")),
    ]  # fmt: skip


def spark_settings(machine: Machine, workers: int) -> dict[str, str]:
    """How Spark is run: an executor a machine, a Python worker a core.

    Two thirds of the memory are for the Python workers, which hold the model, outside of Java.
    """
    # a manager takes a container of its own on one of the machines
    memory = machine.yarn_mib - 2048
    codecs = ",".join(f"org.apache.hadoop.io.compress.{name}Codec" for name in _CODECS)
    return {
        "spark.executor.instances": str(workers),
        "spark.executor.cores": str(machine.cores),
        "spark.executor.memory": f"{memory // 3}m",
        "spark.executor.memoryOverhead": f"{memory - memory // 3}m",
        # the bootstrap put them on every machine: nothing is copied through HDFS
        "spark.yarn.jars": f"local:{PACKAGES}/pyspark/jars/*",
        "spark.pyspark.python": f"{ROOT}/bin/python",
        # EMR's list names one of its own that this Spark has not
        "spark.hadoop.io.compression.codecs": codecs,
    }


def _make_security(account: Account) -> None:
    name = account.options.prefix
    there = _security(account)
    if there is None:
        account.make(
            f"security configuration {name}",
            account.client("emr").create_security_configuration,
            Name=name,
            SecurityConfiguration=json.dumps(_SECURITY),
        )
    elif there != _SECURITY:
        raise Refused(
            f"the security configuration {name} is there and says otherwise: take another --name"
        )


def _security(account: Account) -> Any | None:
    """What the configuration of our name says, which can have no tag; None: there is none."""
    describe = account.client("emr").describe_security_configuration
    name = account.options.prefix
    there = found(lambda: describe(Name=name), *_NO_SECURITY)
    return None if there is None else json.loads(there["SecurityConfiguration"])


def _tags(emr: Any, cluster: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = emr.describe_cluster(ClusterId=cluster)["Cluster"].get("Tags", [])
    return found


def _terminate(emr: Any, cluster: str) -> None:
    emr.terminate_job_flows(JobFlowIds=[cluster])
    emr.get_waiter("cluster_terminated").wait(ClusterId=cluster)
