#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The documents agree: schema, reference, examples, the parser's cases and the error codes.

Needs python3-jsonschema and python3-yaml; run it from anywhere.
"""

import ipaddress
import json
import pathlib
import re
import unittest

import jsonschema
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONF = ROOT / "conf"
SCHEMA = json.loads((CONF / "macvlan-rdma.schema.json").read_text())
PROPERTIES = SCHEMA["$defs"]["keys"]["properties"]
REFERENCE = (CONF / "REFERENCE.md").read_text()
README = (ROOT / "README.md").read_text()
NETWORKS_ANNOTATION = "k8s.v1.cni.cncf.io/networks"
DEFAULT_ANNOTATION = "v1.multus-cni.io/default-network"
RESOURCE_ANNOTATION = "k8s.v1.cni.cncf.io/resourceName"


def problems(config, schema=None):
    """What the schema says against a configuration, a line each."""
    validator = jsonschema.Draft202012Validator(schema or SCHEMA)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(config)]


def documents(path):
    return [document for document in yaml.safe_load_all(path.read_text()) if document]


def full_name(document):
    return document["metadata"].get("namespace", "default") + "/" + document["metadata"]["name"]


def attachments(folder):
    """NetworkAttachmentDefinitions below a folder, in the order of the file names."""
    return [
        document
        for path in sorted(folder.glob("**/*.yaml"))
        for document in documents(path)
        if document["kind"] == "NetworkAttachmentDefinition"
    ]


def config_of(attachment):
    return json.loads(attachment["spec"]["config"])


def rails():
    """The scenario's own networks; Calico's has no configuration."""
    return [item for item in attachments(CONF / "networks") if "config" in item.get("spec", {})]


def conflist_plugins():
    """The plugin objects of all lists, as a runtime hands them over."""
    for path in sorted(CONF.glob("**/*.conflist")):
        conflist = json.loads(path.read_text())
        for plugin in conflist["plugins"]:
            yield path.name, plugin | {key: conflist[key] for key in ("name", "cniVersion")}


def fenced(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def readme_configs():
    for block in fenced(README, "yaml"):
        yield config_of(yaml.safe_load(block))
    yield from map(json.loads, re.findall(r"<<'END'\n(.*?)\nEND\n", README, re.DOTALL))


def examples():
    """(where, configuration) of everything that is there to be copied."""
    for attachment in rails() + attachments(CONF / "ipam") + attachments(CONF / "rdma"):
        yield full_name(attachment), config_of(attachment)
    yield from conflist_plugins()
    for config in readme_configs():
        yield "README.md", config


def tables(text):
    """Markdown tables as lists of {column: cell}."""
    found = []
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        header, _, *rows = [
            [cell.strip() for cell in line.strip("| ").split("|")] for line in block.splitlines()
        ]
        found.append([dict(zip(header, row)) for row in rows])
    return found


def rows_of(first_column, *columns):
    """Rows of the reference's tables that begin with `first_column` and have `columns`."""
    return [
        row
        for table in tables(REFERENCE)
        for row in table
        if next(iter(row)) == first_column and set(columns) <= set(row)
    ]


def key_of(row):
    return next(iter(row.values())).strip("`")


def branches(schema):
    """A property's schema and its alternatives, with references followed."""
    yield schema | SCHEMA["$defs"].get(schema.get("$ref", "").removeprefix("#/$defs/"), {})
    for branch in schema.get("oneOf", []) + schema.get("anyOf", []):
        yield from branches(branch)


def schema_keys(schema, prefix=""):
    """All keys below a schema by their dotted names, with their schemas."""
    for branch in branches(schema):
        for key, value in branch.get("properties", {}).items():
            yield prefix + key, value
            yield from schema_keys(value, prefix + key + ".")


KEYS = dict(schema_keys(SCHEMA))
# Nested keys of the protocol's objects; the reference describes them in prose and by capability.
PROTOCOL_OBJECTS = ("runtimeConfig.", "args.", "dns.")


class Schema(unittest.TestCase):
    def test_is_a_schema(self):
        jsonschema.Draft202012Validator.check_schema(SCHEMA)

    def test_every_key_is_described(self):
        for key, schema in KEYS.items():
            with self.subTest(key):
                self.assertTrue(any("description" in branch for branch in branches(schema)))

    def test_defaults_are_valid(self):
        for key, schema in KEYS.items():
            if "default" in schema:
                with self.subTest(key):
                    self.assertEqual(
                        problems(schema["default"], schema | {"$defs": SCHEMA["$defs"]}), [])

    def test_agrees_with_the_parser(self):
        cases = json.loads((ROOT / "tests/unit/netconf_cases.json").read_text())
        # "skip": the parser refuses it by a rule that a schema cannot express.
        compared = [case for case in cases if case["accepts"] or case.get("schema") != "skip"]
        self.assertGreater(len(compared), 200)
        for case in compared:
            with self.subTest(case["name"]):
                found = problems(case["config"])
                self.assertEqual(not found, case["accepts"], found)


class Examples(unittest.TestCase):
    def test_there_are_examples(self):
        self.assertEqual(len(rails()), 8)
        self.assertEqual(len(attachments(CONF / "ipam")), 2)
        self.assertEqual(len(attachments(CONF / "rdma")), 1)
        self.assertEqual(len(list(conflist_plugins())), 1)
        self.assertEqual(len(list(readme_configs())), 2)

    def test_validate(self):
        for where, config in examples():
            with self.subTest(where):
                self.assertEqual(problems(config), [])

    def test_use_only_known_keys(self):
        for where, config in examples():
            with self.subTest(where):
                self.assertLessEqual(set(config), set(PROPERTIES))

    def test_node_wide_defaults_validate(self):
        defaults = json.loads(fenced(REFERENCE.split("## Node-wide defaults")[1], "json")[0])
        self.assertEqual(problems(defaults, SCHEMA | {"required": []}), [])
        self.assertLessEqual(set(defaults), set(PROPERTIES))

    def test_gateways_lie_in_their_subnets(self):
        for where, config in examples():
            for ipam_range in sum(config["ipam"].get("ranges", []), []):
                with self.subTest(where):
                    subnet = ipaddress.ip_network(ipam_range["subnet"])
                    for key in ("gateway", "rangeStart", "rangeEnd"):
                        if key in ipam_range:
                            self.assertIn(ipaddress.ip_address(ipam_range[key]), subnet)

    def test_generated_files_validate(self):
        for path in sorted((ROOT / "tests/golden/generate").glob("*.yaml")):
            kinds = [document["kind"] for document in documents(path)]
            networks = [item for item in documents(path)
                        if item["kind"] == "NetworkAttachmentDefinition"]
            config_map, = [item for item in documents(path) if item["kind"] == "ConfigMap"]
            entries = json.loads(config_map["data"]["config.json"])["configList"]
            pod, = [item for item in documents(path) if item["kind"] == "Pod"]
            with self.subTest(path.name):
                self.assertEqual(kinds[-2:], ["ConfigMap", "Pod"])
                resources = [f"{entry['resourcePrefix']}/{entry['resourceName']}"
                             for entry in entries]
                self.assertEqual(
                    [item["metadata"]["annotations"][RESOURCE_ANNOTATION] for item in networks],
                    resources)
                limits = pod["spec"]["containers"][0]["resources"]["limits"]
                self.assertEqual(limits, {name: 1 for name in resources})
                listed = pod["metadata"]["annotations"][NETWORKS_ANNOTATION].split(", ")
                self.assertEqual(listed, [full_name(item) for item in networks])
                for entry, item in zip(entries, networks):
                    config = config_of(item)
                    master = config["master"]
                    self.assertEqual(entry["selectors"]["ifNames"],
                                     master if isinstance(master, list) else [master])
                    is_finished = "CHANGE-ME" not in json.dumps(config)
                    self.assertEqual(not problems(config), is_finished)

    def test_rails_file_is_the_scenario(self):
        file = yaml.safe_load((CONF / "rails.yaml").read_text())
        for rail, network in zip(file["rails"], rails(), strict=True):
            config = config_of(network)
            ipam_range = config["ipam"]["ranges"][0][0]
            self.assertEqual(rail["name"] + "-macvlan", config["name"])
            self.assertEqual(rail["subnet"], ipam_range["subnet"])
            self.assertEqual(rail["range"],
                             f"{ipam_range['rangeStart']}-{ipam_range['rangeEnd']}")
            self.assertEqual(rail["gateway"], ipam_range["gateway"])
            self.assertEqual(file["overlayPodCIDR"], config["overlayPodCIDR"])
            self.assertEqual(file["serviceCIDR"], config["serviceCIDR"])

    def test_files_of_others_parse(self):
        for path in sorted(set(CONF.glob("**/*.yaml")) - {CONF / "rails.yaml"}):
            for document in documents(path):
                with self.subTest(path.name):
                    self.assertIn("apiVersion", document)
                    self.assertIn("name", document["metadata"])

    def test_rdma_mode_at_boot_is_what_the_network_insists_on(self):
        lines = (CONF / "rdma/modprobe.d/macvlan-rdma.conf").read_text().splitlines()
        self.assertEqual([line for line in lines if not line.startswith("#")],
                         ["options ib_core netns_mode=0"])
        network, = attachments(CONF / "rdma")
        self.assertEqual(config_of(network)["rdma"]["mode"], "exclusive")

    def test_protocol_number_has_its_name(self):
        entries = [
            line.split()
            for line in (CONF / "iproute2/rt_protos.d/macvlan-rdma.conf").read_text().splitlines()
            if not line.startswith("#")
        ]
        types = (ROOT / "include/mvr/net/types.hpp").read_text()
        mark = re.search(r"kOurMark = (\d+);", types)[1]
        self.assertEqual(entries, [[mark, "macvlan-rdma"]])


class CrossReferences(unittest.TestCase):
    def setUp(self):
        config_map, = documents(CONF / "device-plugin/configmap.yaml")
        entries = json.loads(config_map["data"]["config.json"])["configList"]
        self.if_names = {
            f"{entry['resourcePrefix']}/{entry['resourceName']}": entry["selectors"]["ifNames"]
            for entry in entries
        }

    def pods(self):
        pod, = documents(CONF / "pod.yaml")
        daemon_set, = documents(CONF / "daemonset.yaml")
        self.assertEqual(daemon_set["spec"]["selector"]["matchLabels"],
                         daemon_set["spec"]["template"]["metadata"]["labels"])
        return [pod, daemon_set["spec"]["template"]]

    def test_networks_and_device_plugin(self):
        for rail in rails():
            with self.subTest(full_name(rail)):
                resource = rail["metadata"]["annotations"][RESOURCE_ANNOTATION]
                self.assertEqual(self.if_names[resource], [config_of(rail)["master"]])
                self.assertEqual(config_of(rail)["name"], rail["metadata"]["name"])
                self.assertEqual(config_of(rail)["type"], "macvlan-rdma")
        self.assertEqual(len(self.if_names), len(rails()))

    def test_rails_are_distinct(self):
        configs = [config_of(rail) for rail in rails()]
        subnets = {config["ipam"]["ranges"][0][0]["subnet"] for config in configs}
        self.assertEqual(len(subnets), 8)
        self.assertEqual(len({config["master"] for config in configs}), 8)

    def test_pods_name_the_networks(self):
        default_networks = {full_name(item) for item in attachments(CONF / "networks")}
        for pod in self.pods():
            annotations = pod["metadata"]["annotations"]
            listed = [item.strip() for item in annotations[NETWORKS_ANNOTATION].split(",")]
            self.assertEqual(listed, [full_name(rail) for rail in rails()])
            self.assertIn(annotations[DEFAULT_ANNOTATION], default_networks - set(listed))

    def test_pods_ask_for_the_resources(self):
        for pod in self.pods():
            container, = pod["spec"]["containers"]
            self.assertEqual(container["resources"]["limits"], {name: 1 for name in self.if_names})
            self.assertIn("IPC_LOCK", container["securityContext"]["capabilities"]["add"])

    def test_other_ipams_serve_the_same_rail(self):
        first = rails()[0]
        for other in attachments(CONF / "ipam"):
            self.assertEqual(other["metadata"], first["metadata"])
            self.assertEqual(config_of(other) | {"ipam": None}, config_of(first) | {"ipam": None})

    def test_exclusive_network_serves_the_same_rail(self):
        network, = attachments(CONF / "rdma")
        first = config_of(rails()[0])
        self.assertEqual(network["metadata"]["name"], first["name"])
        self.assertEqual(config_of(network), first | {
            "rdma": {"mode": "exclusive"},
            "capabilities": first["capabilities"] | {"CNIDeviceInfoFile": True}})

    def test_spiderpool_names_its_pool(self):
        pool, network = documents(CONF / "ipam/spiderpool.yaml")
        self.assertEqual(config_of(network)["ipam"]["default_ipv4_ippool"],
                         [pool["metadata"]["name"]])
        host_local = config_of(rails()[0])["ipam"]["ranges"][0][0]
        self.assertEqual(pool["spec"]["subnet"], host_local["subnet"])
        self.assertEqual(pool["spec"]["gateway"], host_local["gateway"])


class Installation(unittest.TestCase):
    def test_daemon_set_installs_into_the_node(self):
        daemon_set, = documents(CONF / "daemonset-install.yaml")
        self.assertEqual(daemon_set["spec"]["selector"]["matchLabels"],
                         daemon_set["spec"]["template"]["metadata"]["labels"])
        spec = daemon_set["spec"]["template"]["spec"]
        container, = spec["containers"]
        mount, = container["volumeMounts"]
        volume, = spec["volumes"]
        self.assertEqual(container["args"], ["install", "--to", mount["mountPath"], "--wait"])
        self.assertEqual(volume["name"], mount["name"])
        self.assertEqual(volume["hostPath"]["path"], "/opt/cni/bin")

    def test_image_has_the_version(self):
        version = re.search(r"VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text()
                            .split("project(")[1])[1]
        daemon_set, = documents(CONF / "daemonset-install.yaml")
        container, = daemon_set["spec"]["template"]["spec"]["containers"]
        self.assertTrue(container["image"].endswith("/macvlan-rdma:" + version))

    def test_tools_have_an_image(self):
        daemon_set, = documents(CONF / "daemonset.yaml")
        container, = daemon_set["spec"]["template"]["spec"]["containers"]
        self.assertIn(container["image"], (CONF / "rdma-tools/Containerfile").read_text())


class Reference(unittest.TestCase):
    def test_documents_every_key_once(self):
        documented = [key_of(row) for row in rows_of("key")]
        expected = [key for key in KEYS if not key.startswith(PROTOCOL_OBJECTS)]
        self.assertCountEqual(documented, expected)

    def test_documents_every_capability(self):
        documented = [key_of(row) for row in rows_of("capability")]
        self.assertCountEqual(documented, PROPERTIES["runtimeConfig"]["properties"])

    def test_defaults(self):
        for row in rows_of("key", "default"):
            with self.subTest(key_of(row)):
                literal = re.fullmatch(r"`(.*)`", row["default"])
                schema = KEYS[key_of(row)]
                self.assertEqual("default" in schema, literal is not None)
                if literal:
                    self.assertEqual(json.loads(literal[1]), schema["default"])

    def test_error_codes(self):
        header = (ROOT / "include/mvr/base/error.hpp").read_text()
        enumerators = re.search(r"enum class Code : int \{(.*?)\}", header, re.DOTALL)[1]
        codes = [int(number) for number in re.findall(r"= (\d+),", enumerators)]
        self.assertGreater(len(codes), 20)
        self.assertEqual([int(key_of(row)) for row in rows_of("code")], codes)

    def test_links_lead_somewhere(self):
        for base, text in ((ROOT, README), (CONF, REFERENCE)):
            for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
                if not target.startswith("https://"):
                    with self.subTest(target):
                        self.assertTrue((base / target).exists())

    def test_anchors_exist(self):
        titles = re.findall(r"^#+ (.*)$", REFERENCE, re.MULTILINE)
        anchors = {re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in titles}
        used = re.findall(r"\]\(#([^)]+)\)", REFERENCE)
        for anchor in used + re.findall(r"REFERENCE\.md#([^)]+)\)", README):
            with self.subTest(anchor):
                self.assertIn(anchor, anchors)


if __name__ == "__main__":
    unittest.main()
