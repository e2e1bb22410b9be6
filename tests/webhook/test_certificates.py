#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Where the webhook's certificate comes from: cert-manager or scripts/webhook-cert.

Needs python3-yaml and openssl; run it from anywhere.
"""

import base64
import itertools
import json
import os
import pathlib
import stat
import subprocess
import tempfile
import unittest

import yaml

from manifests import ISSUED, NAME, NAMESPACE, ROOT, by_kind, webhooks


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
