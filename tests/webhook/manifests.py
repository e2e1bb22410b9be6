# SPDX-License-Identifier: Apache-2.0
"""The webhook's manifests in conf/, as its tests read them."""

import pathlib
import re

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONF = ROOT / "conf"
NAMESPACE = "macvlan-rdma"
NAME = "macvlan-rdma-webhook"
SOURCE = (ROOT / "lib/webhook/annotations.hpp").read_text()
RDMA_KEY = re.search(r'kRdmaKey = "([^"]+)"', SOURCE)[1]
NETWORK_KEY = re.search(r'kNetworkKey = "([^"]+)"', SOURCE)[1]
ISSUED = CONF / "webhook-cert-manager.yaml"


def documents(path):
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def by_kind(kind, path=CONF / "webhook.yaml"):
    return [document for document in documents(path) if document["kind"] == kind]


def only(kind):
    document, = by_kind(kind)
    return document


def pod_template():
    return only("Deployment")["spec"]["template"]


def container():
    one, = pod_template()["spec"]["containers"]
    return one


def webhooks():
    return only("MutatingWebhookConfiguration")["webhooks"]
