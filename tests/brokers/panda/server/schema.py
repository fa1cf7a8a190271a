# SPDX-License-Identifier: Apache-2.0
"""The tables that the calls of the tests touch, with the columns that the server's own classes name."""

import os
from collections.abc import Iterable, Iterator

import psycopg2
from pandaserver.taskbuffer.FileSpec import FileSpec
from pandaserver.taskbuffer.JediDatasetSpec import JediDatasetSpec
from pandaserver.taskbuffer.JediFileSpec import JediFileSpec
from pandaserver.taskbuffer.JediTaskSpec import JediTaskSpec
from pandaserver.taskbuffer.JobSpec import JobSpec

PORT = int(os.environ["PANDA_TEST_PORT"]) + 1

TIMES = {"modificationtime", "creationtime", "starttime", "endtime", "statechangetime", "proddbupdatetime"}
TIMES |= {"lockedtime", "frozentime", "creationdate", "throttledtime", "assessmenttime", "ttcrequested"}
TIMES |= {"ttcpredicted", "ttcpredictiondate", "rescuetime", "activatedtime", "queuedtime", "actiontime"}
TIMES |= {"statechecktime", "statecheckexpiration", "lastattempttime", "submit_time", "comm_ts", "lastmod"}
TIMES |= {"firstjob", "latestjob", "cachetime", "expirationtime", "realmodificationtime", "timestamp"}
NUMBERS = (
    "id",
    "code",
    "count",
    "attempt",
    "priority",
    "bytes",
    "sec",
    "char",
    "events",
    "files",
    "rss",
    "pss",
)
NUMBERS += (
    "vmem",
    "swap",
    "walltime",
    "intensity",
    "cputime",
    "prio",
    "hs06",
    "diskio",
    "_regional",
    "_global",
)
NUMBERS += ("memory_leak", "_x2", "_core", "efficiency", "nr", "fsize", "flag", "goal", "rate", "progress")
NUMBERS += ("finished", "failed", "onhold", "used", "missing", "waiting")
NUMBERS += (
    "cpuconsumptiontime",
    "cpuconversion",
    "eventservice",
    "jumbo",
    "throttled",
    "numthrottled",
    "_tid",
)
TEXTS = {"pandaqueue", "prodserieslabel", "guid", "produserid", "batchid", "schedulerid", "pilotid", "goal"}
TEXTS |= {"userid", "is_waiting", "computingelement"}


QUEUE = """
INSERT INTO doma_panda.schedconfig_json SELECT 'EB_TEST', '{"region": "GRID", "corepower": 10,
"coreenergy": 10, "type": "unified", "status": "online", "capability": "ucore", "nickname": "EB_TEST",
"siteid": "EB_TEST",
"cloud": "EB", "vo_name": "eb", "atlas_site": "EB", "country": "EB", "maxrss": 100000, "maxtime": 864000,
"corecount": 64, "allow_lan": true, "allow_wan": true}', now()
WHERE NOT EXISTS (SELECT 1 FROM doma_panda.schedconfig_json)
"""
EMISSIONS = """
INSERT INTO doma_panda.carbon_region_emissions SELECT moment, 'GRID', 250
FROM generate_series(now() - interval '2 days', now() + interval '30 days', interval '1 hour') AS moment
WHERE NOT EXISTS (SELECT 1 FROM doma_panda.carbon_region_emissions)
"""


def kind(column: str) -> str:
    """Return the type of a column, by its name."""
    name = column.lower()
    if name in TIMES:
        return "timestamp"
    if name.endswith("corecount"):
        return "bigint"  # the server multiplies it with floats
    if name in TEXTS:
        return "text"
    return "numeric" if name.endswith(NUMBERS) else "text"


def table(name: str, columns: Iterable[str]) -> str:
    """Return the statement that makes a table; a column may have its type behind it."""
    parts = [column if " " in column else f"{column} {kind(column)}" for column in columns]
    return f"CREATE TABLE IF NOT EXISTS {name} ({', '.join(parts)})"


def statements() -> Iterator[str]:
    """Yield all that makes the schema."""
    for schema in ("doma_panda", "doma_pandameta", "doma_pandaarch", "doma_deft"):
        yield f"CREATE SCHEMA IF NOT EXISTS {schema}"
    for name in ("jobsDefined4", "jobsActive4", "jobsArchived4"):
        yield table(f"doma_panda.{name}", JobSpec._attributes)
    yield table("doma_pandaarch.jobsArchived", JobSpec._attributes)
    yield table("doma_panda.filesTable4", [*FileSpec._attributes, "modificationTime"])
    yield table("doma_pandaarch.filesTable_ARCH", [*FileSpec._attributes, "modificationTime"])
    yield table("doma_panda.jedi_tasks", [*JediTaskSpec.attributes, "realModificationTime"])
    yield table("doma_panda.jedi_datasets", JediDatasetSpec._attributes)
    yield table("doma_panda.jedi_dataset_contents", JediFileSpec._attributes)
    for place in ("doma_panda.jobParamsTable", "doma_panda.metaTable", "doma_pandaarch.jobParamsTable_ARCH"):
        yield table(place, ["PandaID", "modificationTime", "jobParameters text", "metaData text"])
    yield table("doma_pandaarch.metaTable_ARCH", ["PandaID", "modificationTime", "metaData text"])
    yield from others()
    yield QUEUE
    yield EMISSIONS
    for sequence in (
        "doma_panda.jobsdefined4_pandaid_seq",
        "doma_panda.filestable4_row_id_seq",
        "doma_deft.prodsys2_task_id_seq",
        "doma_pandameta.users_id_seq",
    ):
        yield f"CREATE SEQUENCE IF NOT EXISTS {sequence} START 6001"


def others() -> Iterator[str]:
    """Yield what no class of the server names the columns of."""
    users = "ID numeric, NAME text, DN text, EMAIL text, LASTMOD timestamp, FIRSTJOB timestamp,"
    users += " LATESTJOB timestamp, CACHETIME timestamp, NCURRENT numeric, JOBID numeric, STATUS text,"
    users += " VO text, GRIDPREF text, CPUA1 numeric, CPUA7 numeric, CPUA30 numeric,"
    users += " QUOTAA1 numeric, QUOTAA7 numeric, QUOTAA30 numeric"
    yield f"CREATE TABLE IF NOT EXISTS doma_pandameta.users ({users})"
    task = "taskid numeric, status text, submit_time timestamp, vo text, prodSourceLabel text, userName text,"
    task += " taskName text, jedi_task_parameters text, priority numeric, current_priority numeric,"
    task += " parent_tid numeric, start_time timestamp, timestamp timestamp"
    yield f"CREATE TABLE IF NOT EXISTS doma_deft.t_task ({task})"
    command = "COMM_TASK numeric, COMM_OWNER text, COMM_CMD text, COMM_PARAMETERS text, COMM_COMMENT text,"
    command += " COMM_TS timestamp, COMM_META numeric"
    yield f"CREATE TABLE IF NOT EXISTS doma_deft.prodsys_comm ({command})"
    yield table("doma_panda.config", ["app", "component", "key", "vo", "value", "value_json json", "type"])
    yield table("doma_panda.schedconfig_json", ["panda_queue", "data json", "last_update timestamp"])
    yield table("doma_panda.panda_site", ["panda_site_name", "site_name"])
    yield table("doma_panda.site", ["site_name", "role"])
    slots = ["pandaQueueName", "gshare", "resourcetype", "numslots numeric", "expirationTime"]
    yield table("doma_panda.harvester_slots", slots)
    shares = ["NAME", "VALUE numeric", "PARENT", "PRODSOURCELABEL", "WORKINGGROUP", "CAMPAIGN"]
    shares += ["PROCESSINGTYPE", "TRANSPATH", "RTYPE", "VO", "QUEUE_ID numeric", "THROTTLED"]
    yield table("doma_panda.global_shares", shares)
    least = ["mincore numeric", "maxcore numeric", "minrampercore numeric", "maxrampercore numeric"]
    yield table("doma_panda.resource_types", ["resource_name", *least])
    endpoint = ["ddm_endpoint_name", "ddm_spacetoken_name", "is_tape", "blacklisted_read", "detailed_status"]
    yield table("doma_panda.ddm_endpoint", endpoint)
    relation = ["panda_site_name", "ddm_endpoint_name", "is_local", "default_read", "default_write", "roles"]
    yield table("doma_panda.panda_ddm_relation", [*relation, "order_read", "order_write", "scope"])
    stats = ["ts timestamp", "gshare", "computingsite", "jobstatus", "maxpriority numeric", "njobs numeric"]
    yield table(
        "doma_panda.jobs_share_stats", [*stats, "hs numeric", "prodsourcelabel", "resource_type", "vo"]
    )
    workers = ["PandaID", "harvesterID text", "workerID", "lastUpdate timestamp"]
    yield table("doma_panda.harvester_rel_jobs_workers", workers)
    seen = ["site", "hours numeric", "flag text", "lastStart timestamp", "lastmod", "getJob numeric"]
    yield table("doma_pandameta.siteData", [*seen, "updateJob numeric", "noJob numeric"])
    report = [
        "PandaID",
        "prodSourceLabel",
        "jobStatus",
        "attemptNr",
        "data",
        "timeStamp timestamp",
        "lockedBy",
    ]
    yield table("doma_panda.job_output_report", [*report, "lockedTime"])
    errors = [
        "retryerror_id",
        "errorsource",
        "errorcode",
        "errorDiag",
        "parameters",
        "architecture",
        "release",
    ]
    yield table(
        "doma_panda.retryerrors",
        [*errors, "workqueue_id", "retryaction numeric", "active", "expiration_date timestamp"],
    )
    yield table("doma_panda.retryactions", ["retryaction_id", "retry_action", "active"])
    yield table("doma_panda.carbon_region_emissions", ["timestamp", "region text", "value float"])
    queued = ["topic", "pandaid", "execution_order numeric", "jeditaskid", "creationtime", "data"]
    yield table("doma_panda.sql_queue", queued)
    classes = ["id numeric", "error_source", "error_code numeric", "error_diag", "error_class", "active"]
    yield table("doma_panda.error_classification", classes)
    worker = [
        "harvesterID text",
        "workerID",
        "computingElement",
        "jobtype",
        "resourcetype",
        "status",
        "lastUpdate timestamp",
    ]
    yield table("doma_panda.harvester_workers", worker)
    yield table("doma_panda.jedi_taskparams", ["jediTaskID", "taskParams"])
    yield table("doma_panda.jedi_jobparams_template", ["jediTaskID", "jobParamsTemplate"])


def make() -> None:
    """Make the database and its tables where they are missing."""
    first = psycopg2.connect(host="127.0.0.1", port=PORT, user="panda", dbname="postgres")
    first.autocommit = True
    with first.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = 'panda'")
        if cursor.fetchone() is None:
            cursor.execute("CREATE DATABASE panda")
    first.close()
    there = psycopg2.connect(host="127.0.0.1", port=PORT, user="panda", dbname="panda")
    there.autocommit = True
    with there.cursor() as cursor:
        for statement in statements():
            cursor.execute(statement)
    there.close()


if __name__ == "__main__":
    make()
