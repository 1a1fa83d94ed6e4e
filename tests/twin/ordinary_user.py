"""What an ordinary user does with a twin, told as one JSON object: started by ``test_ordinary_user.py`` as somebody."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3

from harness.twin import names
from harness.twin.leftovers import leftovers
from harness.twin.state import State

HOME = Path(os.environ["GAMEDAY_HOME"])
WRITER = names.cluster_endpoint("agentauri-us", "us-east-1")
READER = names.cluster_endpoint("agentauri-eu", "eu-west-1", reader=True)
_SQL = """
import sys, psycopg
with psycopg.connect(host=sys.argv[1], user='agentauri', dbname='agentauri', autocommit=True) as line:
    found = line.execute(sys.argv[2])
    print(found.fetchone()[0] if found.description else '')
"""
_GET = """
import sys, urllib.request
try:
    print(urllib.request.urlopen('http://10.1.10.80/api/v1/health', timeout=float(sys.argv[1])).status)
except OSError as error:
    print('timed out' if 'timed out' in str(error) else error)
"""


def gameday(*words: str) -> str:
    done = subprocess.run([sys.executable, "-m", "harness.cli", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def enter(place: str, *command: str) -> str:
    return gameday("twin", "enter", place, "--", *command)


def python(place: str, code: str, *arguments: str) -> str:
    return enter(place, sys.executable, "-c", code, *arguments)


def blackhole() -> tuple[str, str]:
    """What a client of the load balancer sees while its subnet's network ACL allows nothing, and afterwards."""
    state = State.read(HOME)
    assert state is not None
    endpoint = f"http://127.0.0.1:{state.api_port}"
    credentials = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "us-east-1"}
    ec2 = boto3.client("ec2", endpoint_url=endpoint, **credentials)
    subnet = [{"Name": "association.subnet-id", "Values": ["subnet-use1apublic"]}]
    (default,) = ec2.describe_network_acls(Filters=subnet)["NetworkAcls"]
    old = next(each for each in default["Associations"] if each["SubnetId"] == "subnet-use1apublic")
    acl = ec2.create_network_acl(VpcId="vpc-use1")["NetworkAcl"]["NetworkAclId"]
    new = ec2.replace_network_acl_association(AssociationId=old["NetworkAclAssociationId"], NetworkAclId=acl)[
        "NewAssociationId"
    ]
    dark = python("america", _GET, "0.3")
    ec2.replace_network_acl_association(AssociationId=new, NetworkAclId=default["NetworkAclId"])
    return dark, python("america", _GET, "5")


def main() -> None:
    """Up, served, replicated, darkened, down; and nothing left."""
    told: dict[str, Any] = {"uid": os.getuid(), "tun": os.access("/dev/net/tun", os.R_OK | os.W_OK)}
    told["up"] = gameday("twin", "up", "--design", "active_passive", "--speed", "20")
    try:
        told["health"] = python("america", _GET, "5")
        told["entered_as"] = enter("europe", "id", "-u")
        python("us-east-1", _SQL, WRITER, "insert into events (chain_id, registry, block) values (1, 'identity', 77)")
        seen = "select count(*) from events where block = 77"
        told["replicated"] = any(python("eu-west-1", _SQL, READER, seen) == "1" for _ in range(20))
        told["dark"], told["lit"] = blackhole()
        told["struck"] = gameday("twin", "strike", "cut", "america", "us-east-1")
    finally:
        told["down"] = gameday("twin", "down")
    told["left"] = str(leftovers(HOME)) if leftovers(HOME) else ""
    print(json.dumps(told))


main()
