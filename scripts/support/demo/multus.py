# SPDX-License-Identifier: Apache-2.0
"""Calls the plugin as Multus does: all parameters in the environment, the configuration on standard
input with its keys sorted, and what ADD answered as prevResult later."""

import json
import os
import re
import subprocess
import time

import world

UID = "0b7c3f5e-6a1d-4a57-9d0c-2f1f6f0b9a11"
CNI_PATH = "/usr/lib/cni"
FIELD = re.compile(r'([\w.-]+)=("(?:[^"\\]|\\.)*"|\S*)')


def configuration(rail):
    """What the NetworkAttachmentDefinition gpuN-macvlan holds, and what Multus adds to it: device
    IDs of the shared RDMA device plugin are plain numbers."""
    return {
        "cniVersion": "1.0.0",
        "name": f"gpu{rail}-macvlan",
        "type": "macvlan-rdma",
        "master": world.master(rail),
        "overlayPodCIDR": ["10.233.64.0/18"],
        "serviceCIDR": ["10.233.0.0/18"],
        "logLevel": "debug",
        "stateDir": world.STATE_DIR,
        "deviceID": "0",
        "pciBusID": "0",
        "ipam": {
            "type": "host-local",
            "dataDir": world.LEASE_DIR,
            "ranges": [[{
                "subnet": world.address(rail, 0) + "/24",
                "rangeStart": world.address(rail),
                "rangeEnd": world.address(rail, 200),
                "gateway": world.gateway(rail),
            }]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }


class Answer:
    """What one call gave."""

    def __init__(self, status, stdout, stderr, milliseconds):
        self.status = status
        self.stderr = stderr
        self.milliseconds = milliseconds
        try:
            self.body = json.loads(stdout) if stdout.strip() else {}
        except ValueError:
            self.body = {"msg": f"no JSON on standard output: {stdout[:200]}"}

    def phases(self):
        """(part, microseconds) of the whole call, as its one line in the log has them."""
        parts = dict(FIELD.findall(self.stderr)).get("phases_us", "").strip('"')
        return [(name, int(us)) for name, us in (part.split(":") for part in parts.split())]

    def steps(self):
        """(step, microseconds) for each step in the log, in order."""
        found = []
        for line in self.stderr.splitlines():
            fields = dict(FIELD.findall(line))
            if "step" in fields and fields.get("us", "").isdigit():
                found.append((fields["step"].strip('"'), int(fields["us"])))
        return found


class Pod:
    """The attachments of one pod, as Multus keeps them."""

    def __init__(self, plugin, name):
        self.plugin = os.path.abspath(plugin)
        self.name = name
        self.container = f"{name:0<64}".encode().hex()[:64]
        self.results = {}

    def environment(self, verb, ifname):
        identity = (f"K8S_POD_NAMESPACE=training;K8S_POD_NAME={self.name};"
                    f"K8S_POD_INFRA_CONTAINER_ID={self.container};K8S_POD_UID={UID}")
        return {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "CNI_COMMAND": verb,
            "CNI_CONTAINERID": self.container,
            "CNI_NETNS": f"/run/netns/{self.name}",
            "CNI_IFNAME": ifname,
            "CNI_ARGS": f"IgnoreUnknown=true;{identity};IgnoreUnknown=1;{identity}",
            "CNI_PATH": f"{CNI_PATH}:{CNI_PATH}",
        }

    def call(self, verb, rail):
        config = configuration(rail)
        if verb != "ADD" and rail in self.results:
            config["prevResult"] = self.results[rail]
        started = time.perf_counter()
        done = subprocess.run([self.plugin], env=self.environment(verb, f"net{rail}"),
                              input=json.dumps(config, sort_keys=True, separators=(",", ":")),
                              capture_output=True, text=True, check=False, timeout=120)
        elapsed = (time.perf_counter() - started) * 1000
        answer = Answer(done.returncode, done.stdout, done.stderr, elapsed)
        if verb == "ADD" and answer.status == 0:
            self.results[rail] = answer.body
        return answer
