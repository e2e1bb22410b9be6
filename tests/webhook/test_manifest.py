#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The webhook's manifests: least rights, no root, a cluster that starts, and names that agree.

Needs python3-yaml and openssl; run it from anywhere. MVR_WEBHOOK is the program, if it is to be started as well.
"""

import http.client
import json
import os
import pathlib
import re
import socket
import ssl
import subprocess
import tempfile
import unittest

import yaml

from manifests import (
    CONF, ISSUED, NAME, NAMESPACE, NETWORK_KEY, RDMA_KEY, ROOT, SOURCE, container, documents, only,
    pod_template, webhooks)

PROGRAM = os.environ.get("MVR_WEBHOOK")


def member(value, path):
    """What a path of names leads to; None where there is nothing."""
    for name in path.split(".")[1:]:
        value = value.get(name) if value else None
    return value


def evaluates(expression, pod):
    """The value of a CEL expression, of the few forms that the manifest has."""
    text = re.sub(r"has\(([\w.]+)\)", r"has('\1')", expression)
    text = re.sub(r"('[^']+') in ([\w.]+)", r"(\1 in get('\2'))", text)
    text = re.sub(r"(?<!')\bobject\.spec\.hostNetwork\b(?!')", "get('object.spec.hostNetwork')", text)
    text = text.replace("&&", " and ").replace("||", " or ")
    text = re.sub(r"!(?!=)", " not ", text)
    return eval(text, {"__builtins__": {}}, {  # the text is the manifest's, and of the project
        "has": lambda path: member(pod, path) is not None,
        "get": lambda path: member(pod, path),
    })


def is_called(webhook, pod):
    return all(evaluates(one["expression"], pod) for one in webhook["matchConditions"])


class Documents(unittest.TestCase):
    def test_everything_is_there_once(self):
        kinds = [document["kind"] for document in documents(CONF / "webhook.yaml")]
        self.assertEqual(kinds, [
            "Namespace", "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Deployment",
            "PodDisruptionBudget", "Service", "MutatingWebhookConfiguration"])

    def test_everything_is_in_one_namespace(self):
        self.assertEqual(only("Namespace")["metadata"]["name"], NAMESPACE)
        for document in documents(CONF / "webhook.yaml") + documents(ISSUED):
            if document["kind"] not in ("Namespace", "ClusterRole", "ClusterRoleBinding",
                                        "MutatingWebhookConfiguration"):
                with self.subTest(document["kind"]):
                    self.assertEqual(document["metadata"]["namespace"], NAMESPACE)

    def test_selectors_find_the_pods(self):
        labels = pod_template()["metadata"]["labels"]
        spec = only("Deployment")["spec"]
        spread, = pod_template()["spec"]["topologySpreadConstraints"]
        for selector in (spec["selector"], only("PodDisruptionBudget")["spec"]["selector"],
                         spread["labelSelector"]):
            self.assertEqual(selector, {"matchLabels": labels})
        self.assertEqual(only("Service")["spec"]["selector"], labels)


class Rights(unittest.TestCase):
    def test_three_collections_are_listed_and_watched_and_nothing_else(self):
        rules = {(group, resource): set(rule["verbs"])
                 for rule in only("ClusterRole")["rules"]
                 for group in rule["apiGroups"] for resource in rule["resources"]}
        self.assertEqual(rules, {
            ("k8s.cni.cncf.io", "network-attachment-definitions"): {"list", "watch"},
            ("", "namespaces"): {"list", "watch"},
            ("spiderpool.spidernet.io", "spidermultusconfigs"): {"list", "watch"}})

    def test_they_are_the_service_account_s_alone(self):
        binding = only("ClusterRoleBinding")
        self.assertEqual(binding["roleRef"]["name"], only("ClusterRole")["metadata"]["name"])
        self.assertEqual(binding["subjects"], [
            {"kind": "ServiceAccount", "name": NAME, "namespace": NAMESPACE}])
        self.assertIs(only("ServiceAccount")["automountServiceAccountToken"], False)
        self.assertEqual(pod_template()["spec"]["serviceAccountName"], NAME)
        self.assertIs(pod_template()["spec"]["automountServiceAccountToken"], True)


class Pods(unittest.TestCase):
    def test_no_root_and_no_way_to_it(self):
        spec = pod_template()["spec"]
        self.assertIs(spec["securityContext"]["runAsNonRoot"], True)
        self.assertGreater(spec["securityContext"]["runAsUser"], 0)
        self.assertGreater(spec["securityContext"]["runAsGroup"], 0)
        self.assertEqual(spec["securityContext"]["seccompProfile"], {"type": "RuntimeDefault"})
        self.assertEqual(container()["securityContext"], {
            "readOnlyRootFilesystem": True, "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]}})
        for key in ("hostNetwork", "hostPID", "hostIPC"):
            self.assertNotIn(key, spec)
        self.assertEqual([set(volume) for volume in spec["volumes"]], [{"name", "secret"}])
        labels = only("Namespace")["metadata"]["labels"]
        self.assertEqual(labels["pod-security.kubernetes.io/enforce"], "restricted")

    def test_one_replica_always_serves(self):
        spec = only("Deployment")["spec"]
        self.assertEqual(spec["replicas"], 2)
        self.assertEqual(spec["strategy"]["rollingUpdate"]["maxUnavailable"], 0)
        self.assertEqual(only("PodDisruptionBudget")["spec"]["minAvailable"], 1)

    def test_ports_and_probes_lead_to_the_server(self):
        port, = container()["ports"]
        service_port, = only("Service")["spec"]["ports"]
        self.assertEqual(service_port["targetPort"], port["name"])
        for probe, path in (("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")):
            self.assertEqual(container()[probe]["httpGet"],
                             {"path": path, "port": port["name"], "scheme": "HTTPS"})
        annotations = pod_template()["metadata"]["annotations"]
        self.assertEqual(annotations["prometheus.io/port"], str(port["containerPort"]))

    def test_the_certificate_is_where_the_program_looks(self):
        mount, = container()["volumeMounts"]
        volume, = pod_template()["spec"]["volumes"]
        self.assertEqual(mount["name"], volume["name"])
        self.assertEqual(volume["secret"]["secretName"], NAME)
        self.assertEqual(volume["secret"]["defaultMode"], 0o440)
        self.assertIn("fsGroup", pod_template()["spec"]["securityContext"])
        self.assertIn(f"--tls-cert={mount['mountPath']}/tls.crt", container()["args"])
        self.assertIn(f"--tls-key={mount['mountPath']}/tls.key", container()["args"])

    def test_memory_has_a_limit(self):
        self.assertEqual(container()["resources"]["limits"], {"memory": "128Mi"})


class Webhooks(unittest.TestCase):
    def test_new_pods_and_nothing_else(self):
        for webhook in webhooks():
            with self.subTest(webhook["name"]):
                self.assertGreaterEqual(len(webhook["name"].split(".")), 3)
                self.assertEqual(webhook["rules"], [{
                    "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"],
                    "resources": ["pods"], "scope": "Namespaced"}])

    def test_failures_refuse_and_end_soon(self):
        for webhook in webhooks():
            with self.subTest(webhook["name"]):
                self.assertEqual(webhook["failurePolicy"], "Fail")
                self.assertEqual(webhook["timeoutSeconds"], 5)
                self.assertEqual(webhook["sideEffects"], "None")
                self.assertEqual(webhook["admissionReviewVersions"], ["v1"])
                self.assertEqual(webhook["reinvocationPolicy"], "IfNeeded")

    def test_they_call_the_service(self):
        service = only("Service")
        for webhook in webhooks():
            with self.subTest(webhook["name"]):
                self.assertEqual(webhook["clientConfig"]["service"], {
                    "name": service["metadata"]["name"], "namespace": NAMESPACE,
                    "path": "/inject", "port": service["spec"]["ports"][0]["port"]})

    def test_a_cluster_starts_without_them(self):
        for webhook in webhooks():
            with self.subTest(webhook["name"]):
                self.assertEqual(webhook["namespaceSelector"]["matchExpressions"], [{
                    "key": "kubernetes.io/metadata.name", "operator": "NotIn",
                    "values": ["kube-system", NAMESPACE]}])

    def test_whole_namespaces_have_a_label(self):
        first, second = webhooks()
        self.assertNotIn("matchLabels", first["namespaceSelector"])
        self.assertEqual(second["namespaceSelector"]["matchLabels"],
                         {"macvlan-rdma/inject": "enabled"})

    def test_each_pod_is_asked_about_once(self):
        first, second = webhooks()
        for annotations in (None, {}, {"a": "b"}, {RDMA_KEY: "x"}, {NETWORK_KEY: "x"},
                            {RDMA_KEY: "", "a": "b"}):
            for spec in ({}, {"hostNetwork": False}, {"hostNetwork": True}):
                metadata = {} if annotations is None else {"annotations": annotations}
                pod = {"metadata": metadata, "spec": spec}
                asks = bool({RDMA_KEY, NETWORK_KEY} & set(annotations or {}))
                is_on_host = spec.get("hostNetwork", False)
                with self.subTest(pod):
                    self.assertEqual(is_called(first, pod), asks and not is_on_host)
                    self.assertEqual(is_called(second, pod), not asks and not is_on_host)

    def test_the_authority_comes_from_the_certificate(self):
        annotations = only("MutatingWebhookConfiguration")["metadata"]["annotations"]
        self.assertEqual(annotations["cert-manager.io/inject-ca-from"], f"{NAMESPACE}/{NAME}")


@unittest.skipUnless(PROGRAM, "MVR_WEBHOOK names no program")
class Program(unittest.TestCase):
    """The program, as the manifest starts it, before it has reached an API server."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        files = pathlib.Path(scratch.name)
        subprocess.run([ROOT / "scripts/webhook-cert", "--dir", files], check=True,
                       capture_output=True)
        mount = container()["volumeMounts"][0]["mountPath"]
        arguments = [argument.replace(mount, str(files)) for argument in container()["args"]]
        # Nobody is at port 1.
        self.process = subprocess.Popen(
            [PROGRAM, *arguments, "--listen=127.0.0.1:0", "--api-server=http://127.0.0.1:1",
             "--shutdown-delay=0"], stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.end)
        self.port = next(line["port"] for line in map(json.loads, self.process.stderr)
                         if "port" in line)
        self.context = ssl.create_default_context(cafile=files / "ca.crt")

    def end(self):
        self.process.terminate()
        self.process.communicate(timeout=30)

    def ask(self, method, path, body=None):
        """Asks as an API server does, which knows the Service's name and the caBundle."""
        raw = socket.create_connection(("127.0.0.1", int(self.port)), timeout=10)
        with self.context.wrap_socket(raw, server_hostname=f"{NAME}.{NAMESPACE}.svc") as stream:
            connection = http.client.HTTPConnection(f"{NAME}.{NAMESPACE}.svc")
            connection.sock = stream
            connection.request(method, path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read()

    def test_probes_and_reviews(self):
        probes = {name: container()[name]["httpGet"]["path"]
                  for name in ("livenessProbe", "readinessProbe")}
        self.assertEqual(self.ask("GET", probes["livenessProbe"])[0], 200)
        self.assertEqual(self.ask("GET", probes["readinessProbe"])[0], 503)
        review = (ROOT / "tests/webhook/reviews/1.28-replicaset.json").read_bytes()
        for webhook in webhooks():
            path = webhook["clientConfig"]["service"]["path"]
            status, body = self.ask("POST", path, review)
            self.assertEqual(status, 200)
            response = json.loads(body)["response"]
            self.assertEqual(response["uid"], json.loads(review)["request"]["uid"])
            self.assertIs(response["allowed"], False)
            self.assertEqual(response["status"]["code"], 503)
            self.assertEqual(response["status"]["details"], {"retryAfterSeconds": 1})
        status, metrics = self.ask("GET", pod_template()["metadata"]["annotations"][
            "prometheus.io/path"])
        self.assertEqual(status, 200)
        self.assertIn(b'macvlan_rdma_webhook_refusals_total{reason="not-synced"} 2', metrics)

    def test_metrics_that_the_documents_name_exist(self):
        texts = "".join((ROOT / name).read_text()
                        for name in ("conf/WEBHOOK.md", "TROUBLESHOOTING.md"))
        names = set(re.findall(r"macvlan_rdma_webhook_\w+", texts))
        self.assertGreaterEqual(len(names), 3)
        metrics = self.ask("GET", "/metrics")[1].decode()
        for name in names:
            self.assertIn(f"# TYPE {name} ", metrics)


class Reference(unittest.TestCase):
    """conf/WEBHOOK.md"""

    TEXT = (CONF / "WEBHOOK.md").read_text()
    OPTIONS = (ROOT / "lib/webhook/options.cpp").read_text()

    def section(self, title):
        return re.search(rf"^## {title}$(.*?)(?=^## |\Z)", self.TEXT, re.MULTILINE | re.DOTALL)[1]

    def rows(self, title):
        """The cells of a section's tables, without their heads."""
        lines = [line for line in self.section(title).splitlines() if line.startswith("|")]
        return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]

    def test_every_option_is_described(self):
        described = re.findall(r"`(--[a-z-]+)", " ".join(row[0] for row in self.rows("Options")))
        defined = set(re.findall(r'^ *(?:app\.add_\w+\(\s*|)"(--[a-z-]+)",', self.OPTIONS,
                                 re.MULTILINE))
        self.assertGreater(len(defined), 15)
        self.assertEqual(sorted(described), sorted(defined))

    def test_the_manifest_uses_options_that_exist(self):
        arguments = container()["args"] + re.findall(
            r"# - (--\S+)", (CONF / "webhook.yaml").read_text())
        self.assertGreaterEqual(len(arguments), 3)
        for argument in arguments:
            self.assertIn(f'"{argument.split("=")[0]}"', self.OPTIONS)

    def test_every_refusal_is_described(self):
        sources = "".join((ROOT / "lib/webhook" / name).read_text()
                          for name in ("inject.cpp", "answer.cpp"))
        refused = dict.fromkeys(re.findall(r'refuse\(\s*"([a-z-]+)"', sources), "403")
        refused |= dict.fromkeys(re.findall(r'refuse_for_now\(\s*"([a-z-]+)"', sources), "503")
        refused |= {"version": "403", "malformed": "400"}
        self.assertIn('.outcome = "version"', sources)
        self.assertIn('.outcome = "malformed"', sources)
        self.assertEqual({row[0].strip("`"): row[1] for row in self.rows("Refusals")}, refused)

    def test_every_annotation_is_described(self):
        keys = set(re.findall(r'"([a-z0-9.]+/[A-Za-z-]+)"', SOURCE))
        self.assertGreaterEqual(len(keys), 6)
        # Its name is Spiderpool's business.
        for key in keys - {"multus.spidernet.io/cr-name"}:
            self.assertIn(f"`{key}`", self.TEXT)

    def test_links_lead_somewhere(self):
        titles = re.findall(r"^## (.*)$", self.TEXT, re.MULTILINE)
        anchors = {re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in titles}
        others = "".join((ROOT / name).read_text() for name in ("README.md", "TROUBLESHOOTING.md"))
        for anchor in (re.findall(r"\]\(#([^)]+)\)", self.TEXT) +
                       re.findall(r"WEBHOOK\.md#([^)]+)\)", others)):
            self.assertIn(anchor, anchors)
        for target in re.findall(r"\]\(([^)#]+)\)", self.TEXT):
            self.assertTrue((CONF / target).exists(), target)

    def test_the_examples_belong_together(self):
        network, pod = [yaml.safe_load(block) for block in
                        re.findall(r"```yaml\n(.*?)```", self.TEXT, re.DOTALL)]
        self.assertEqual(network["metadata"]["annotations"][RDMA_KEY],
                         pod["metadata"]["annotations"][RDMA_KEY])
        self.assertEqual(json.loads(network["spec"]["config"])["name"],
                         network["metadata"]["name"])


if __name__ == "__main__":
    unittest.main()
