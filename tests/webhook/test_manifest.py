#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The webhook's manifests: least rights, no root, a cluster that starts, and names that agree.

Needs python3-yaml and openssl; run it from anywhere. MVR_WEBHOOK is the program, if it is to be started as well.
"""

import base64
import http.client
import itertools
import json
import os
import pathlib
import re
import socket
import ssl
import stat
import subprocess
import tempfile
import unittest

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONF = ROOT / "conf"
NAMESPACE = "macvlan-rdma"
NAME = "macvlan-rdma-webhook"
SOURCE = (ROOT / "lib/webhook/annotations.hpp").read_text()
RDMA_KEY = re.search(r'kRdmaKey = "([^"]+)"', SOURCE)[1]
NETWORK_KEY = re.search(r'kNetworkKey = "([^"]+)"', SOURCE)[1]
PROGRAM = os.environ.get("MVR_WEBHOOK")
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


class Issued(unittest.TestCase):
    def setUp(self):
        self.issuers = {item["metadata"]["name"]: item["spec"] for item in by_kind("Issuer", ISSUED)}
        self.certificates = {item["metadata"]["name"]: item["spec"]
                             for item in by_kind("Certificate", ISSUED)}

    def test_the_authority_signs_the_certificate(self):
        leaf = self.certificates[NAME]
        authority = self.certificates[f"{NAME}-ca"]
        self.assertIs(authority["isCA"], True)
        self.assertEqual(self.issuers[leaf["issuerRef"]["name"]],
                         {"ca": {"secretName": authority["secretName"]}})
        self.assertEqual(self.issuers[authority["issuerRef"]["name"]], {"selfSigned": {}})
        self.assertNotIn("isCA", leaf)

    def test_the_certificate_is_the_service_s(self):
        leaf = self.certificates[NAME]
        self.assertIn(f"{NAME}.{NAMESPACE}.svc", leaf["dnsNames"])
        self.assertEqual(leaf["secretName"], NAME)
        self.assertIn("server auth", leaf["usages"])


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


class ByHand(unittest.TestCase):
    """scripts/webhook-cert"""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.scratch = pathlib.Path(scratch.name)
        self.dir = self.scratch / "out"

    def run_script(self, *words, status=0, env=None):
        result = subprocess.run(
            [ROOT / "scripts/webhook-cert", "--dir", self.dir, *words], text=True,
            capture_output=True, env=os.environ | (env or {}), check=False)
        self.assertEqual(result.returncode, status, result.stderr)
        return result

    def verify(self, host):
        return subprocess.run(
            ["openssl", "verify", "-purpose", "sslserver", "-verify_hostname", host,
             "-CAfile", self.dir / "ca.crt", self.dir / "tls.crt"],
            capture_output=True, check=False).returncode == 0

    def test_an_api_server_trusts_it(self):
        result = self.run_script()
        self.assertTrue(self.verify(f"{NAME}.{NAMESPACE}.svc"))
        self.assertFalse(self.verify(f"{NAME}.other.svc"))
        self.assertIn("kubectl patch mutatingwebhookconfiguration", result.stdout)

    def test_nobody_else_reads_the_keys(self):
        self.run_script()
        for path in self.dir.iterdir():
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600, path.name)

    def test_a_second_run_keeps_the_authority(self):
        self.run_script()
        before = {path.name: path.read_bytes() for path in self.dir.iterdir()}
        self.run_script("--days", "30")
        changed = {path.name for path in self.dir.iterdir()
                   if path.read_bytes() != before[path.name]}
        self.assertEqual(changed, {"tls.crt", "tls.key", "secret.yaml"})
        self.assertTrue(self.verify(f"{NAME}.{NAMESPACE}.svc"))

    def test_what_kubectl_gets_fits_the_manifest(self):
        self.run_script()
        secret = yaml.safe_load((self.dir / "secret.yaml").read_text())
        self.assertEqual(secret["metadata"], {"name": NAME, "namespace": NAMESPACE})
        for name, data in secret["data"].items():
            self.assertEqual(base64.b64decode(data), (self.dir / name).read_bytes())
        patch = json.loads((self.dir / "ca-bundle.json").read_text())
        authority = base64.b64encode((self.dir / "ca.crt").read_bytes()).decode()
        self.assertEqual(patch, [
            {"op": "add", "path": f"/webhooks/{i}/clientConfig/caBundle", "value": authority}
            for i in range(len(webhooks()))])

    def test_it_applies_that_itself(self):
        kubectl = self.scratch / "kubectl"
        kubectl.write_text(f'#!/bin/sh\necho "$@" >> {self.scratch}/calls\n')
        kubectl.chmod(0o755)
        self.run_script("--apply", env={"PATH": f"{self.scratch}:{os.environ['PATH']}"})
        self.assertEqual((self.scratch / "calls").read_text().splitlines(), [
            f"apply -f {self.dir}/secret.yaml",
            f"patch mutatingwebhookconfiguration {NAME} --type=json "
            f"--patch-file {self.dir}/ca-bundle.json"])

    def test_other_names(self):
        self.run_script("--namespace", "infra", "--service", "rails")
        self.assertTrue(self.verify("rails.infra.svc"))
        secret = yaml.safe_load((self.dir / "secret.yaml").read_text())
        self.assertEqual(secret["metadata"], {"name": "rails", "namespace": "infra"})

    def test_what_is_no_name_is_refused(self):
        for words in itertools.chain(
                [["--namespace", name] for name in ("", "A", "a b", "a;b", "-a", "a" * 64)],
                [["--days", days] for days in ("", "0", "x", "99999")], [["--what"]]):
            with self.subTest(words):
                self.run_script(*words, status=2)
        self.assertFalse(self.dir.exists())


if __name__ == "__main__":
    unittest.main()
