# SPDX-License-Identifier: Apache-2.0
"""Plays the reference scenario and shows it. Usage: demo.py PLUGIN, in fresh mount and network
namespaces."""

import json
import os
import re
import socket
import subprocess
import sys
import textwrap

import multus
import terminal
import world

POD = "trainer-0"
OTHER_POD = "trainer-1"
CLUSTER = ("10.233.0.0/18", "10.233.64.0/18", "169.254.0.0/16", "10.1.20.4")


def require(answer, what):
    """A call that must have succeeded."""
    if answer.status != 0:
        print(answer.stderr, file=sys.stderr)
        raise SystemExit(f"{what}: status {answer.status}: {json.dumps(answer.body, indent=2)}")
    return answer


def show_node():
    terminal.heading(1, "The node")
    terminal.explain("""A GPU server: one management NIC that Kubernetes and Calico run on, and eight
        RoCE NICs, each on a rail of its own with a gateway of its own. A training pod has
        just started; Calico gave it eth0 and nothing else.""")
    rows = [["eno1", "management", "10.1.20.4/16", "default via 10.1.0.1"]]
    rows += [[world.master(n), f"rail {n}", world.address(n, 0) + "/24",
              f"gateway {world.gateway(n)}"] for n in world.RAILS]
    terminal.table(["node's NIC", "used for", "network", "next hop"], rows)
    terminal.command(f"ip -n {POD} route")
    terminal.verbatim(world.ip(POD, "route"))


def show_add(pod):
    terminal.heading(2, "ADD: eight calls, as Multus makes them")
    terminal.explain("""For each of the pod's eight NetworkAttachmentDefinitions the plugin makes a
        macvlan on that rail's NIC, asks host-local for an address, proves by ARP that the gateway
        is there, and lays out the routes. No daemon, no plugin but the IPAM's.""")
    answers = {n: require(pod.call("ADD", n), f"ADD net{n}") for n in world.RAILS}
    rows = []
    for n, answer in answers.items():
        ips = answer.body.get("ips", [{}])
        mac = answer.body.get("interfaces", [{}])[-1].get("mac", "")
        rows.append([f"net{n}", world.master(n), ips[0].get("address", ""), mac,
                     ips[0].get("gateway", ""), f"{answer.milliseconds:6.1f} ms"])
    terminal.table(["NIC", "master", "address", "MAC", "gateway answered", "ADD took"], rows)
    total = sum(answer.milliseconds for answer in answers.values())
    terminal.remark(f"Eight NICs in {total:.0f} ms, eight runs of host-local included.")
    return answers


def show_pod():
    terminal.heading(3, "The pod")
    for argv, text in (
            (["-br", "-4", "addr"], "Nine NICs, one address each."),
            (["rule"], """One table for each NIC, and rules that choose it by the packet's source
                address or by the device that a socket is bound to: a request that came in by a
                NIC is answered by that NIC."""),
            (["route", "show", "table", "101"], "A rail's table knows that rail and its gateway."),
            (["route", "show", "table", "100"], "The overlay's table is a copy of Calico's routes."),
            (["route"], """Main, which decides for everyone else: the default route is still
                Calico's, and Pods, Services, link-local addresses (NodeLocal DNS) and the node
                itself are reached by eth0.""")):
        terminal.explain(text)
        terminal.command(f"ip -n {POD} {' '.join(argv)}")
        terminal.verbatim(world.ip(POD, *argv))


def answers_by_its_nic(rail):
    """Connects from behind the rail's gateway to a closed port. Being refused is an answer; if it
    took the wrong NIC it would never get here."""
    with world.inside("far"), socket.socket() as client:
        client.settimeout(2)
        return client.connect_ex((world.address(rail), 9)) in (0, 111)


def expected_rules():
    """What the reference scenario says that `ip rule` prints."""
    lines = ["0: from all lookup local", "32766: from all lookup main",
             "32767: from all lookup default", "32100: from 10.233.119.164 lookup 100",
             "32100: from all oif eth0 lookup 100"]
    for n in world.RAILS:
        lines += [f"3210{n}: from {world.address(n)} lookup 10{n}",
                  f"3210{n}: from all oif net{n} lookup 10{n}"]
    return lines


def expected_routes():
    """The same for `ip route`, by table."""
    overlay = ["default via 169.254.1.1 dev eth0", "169.254.1.1 dev eth0 scope link"]
    tables = {"main": list(overlay), "100": overlay}
    tables["main"] += [f"{to} via 169.254.1.1 dev eth0 src 10.233.119.164" for to in CLUSTER]
    for n in world.RAILS:
        link = f"{world.address(n, 0)}/24 dev net{n} scope link src {world.address(n)}"
        tables["main"].append(f"{link} metric 10{n}")
        tables[f"10{n}"] = [f"default via {world.gateway(n)} dev net{n}", link]
    return tables


def deviations(expected, printed):
    """Lines that only one of the two has; who made a route does not matter."""
    wanted = {" ".join(line.split()) for line in expected}
    found = {" ".join(re.sub(r" proto \S+", "", line).split()) for line in printed.splitlines()}
    return ([f"missing: {line}" for line in sorted(wanted - found)] +
            [f"not expected: {line}" for line in sorted(found - wanted)])


def check_pod():
    print()
    wrong = deviations(expected_rules(), world.ip(POD, "rule"))
    good = terminal.verdict(not wrong, "the rules are those of the reference scenario", wrong)
    wrong = [line for table, lines in expected_routes().items()
             for line in deviations(lines, world.ip(POD, "route", "show", "table", table))]
    good &= terminal.verdict(not wrong, "so are the routes of main, table 100 and tables 101 … 108",
                             wrong)
    silent = [f"net{n} does not answer" for n in world.RAILS if not answers_by_its_nic(n)]
    return good & terminal.verdict(
        not silent, f"{world.FAR_ADDRESS}, a host behind the gateways, reaches net1 … net8; each "
        "answers by itself", silent)


def inspect(plugin, *options):
    return subprocess.run([plugin, "inspect", "--netns", f"/run/netns/{POD}", "--state-dir",
                           world.STATE_DIR, *options], capture_output=True, text=True, check=False)


def show_inspect(plugin):
    terminal.heading(4, "What an operator sees")
    terminal.command(f"macvlan-rdma inspect --netns /run/netns/{POD}")
    seen = inspect(plugin)
    for line in seen.stdout.splitlines():
        terminal.verbatim(line)
    print()
    return terminal.verdict(seen.returncode == 0, "all is well, each gateway answers now",
                            seen.stderr.splitlines())


def show_trace(answer):
    terminal.heading(5, "One ADD, step by step")
    steps = answer.steps()
    if not steps:
        return terminal.verdict(False, "the log of net1's ADD has no steps", [answer.stderr[:500]])
    largest = max(us for _, us in steps)
    rows = [[us, terminal.bar(us, largest, 12), name] for name, us in steps]
    terminal.table(["µs", "", "step of net1's ADD"], rows)
    terminal.remark(f"{sum(us for _, us in steps)} µs in {len(steps)} steps. The whole call took "
                    f"{answer.milliseconds:.1f} ms:")
    rows = [[round(us / 1000, 1), name] for name, us in answer.phases()]
    terminal.table(["ms", "part of the call"], rows)
    return True


def show_silent_gateway(plugin):
    terminal.heading(6, "A gateway that does not answer")
    terminal.explain("""The switch of rail 3 loses its gateway, and another pod is to start on this
        node. Its ADD fails, so the pod does not run with a rail that leads nowhere; the error says
        which, and everything that the call made is undone, the lease included.""")
    pod = multus.Pod(plugin, OTHER_POD)
    before = world.snapshot([POD, OTHER_POD])
    world.set_gateway_answers(3, False)
    answer = pod.call("ADD", 3)
    world.set_gateway_answers(3, True)
    print()
    for line in json.dumps(answer.body, indent=2, ensure_ascii=False).splitlines():
        terminal.verbatim(textwrap.fill(line, 96, subsequent_indent=" " * 10))
    print()
    good = terminal.verdict(answer.status == 1 and answer.body.get("code") == 104,
                            f"refused with code 104 after {answer.milliseconds:.0f} ms")
    return good & nothing_left(before, world.snapshot([POD, OTHER_POD]))


def nothing_left(before, after):
    good = True
    for kind, wanted in before.items():
        reasons = [f"left: {item}" for item in sorted(after[kind] - wanted)]
        reasons += [f"lost: {item}" for item in sorted(wanted - after[kind])]
        good &= terminal.verdict(not reasons, f"{kind} as before ({len(wanted)})", reasons)
    return good


def show_del(pod, before):
    terminal.heading(7, "DEL: nothing is left")
    answers = [require(pod.call("DEL", n), f"DEL net{n}") for n in reversed(world.RAILS)]
    total = sum(answer.milliseconds for answer in answers)
    terminal.explain(f"""Deleted net8 … net1 in {total:.0f} ms. Node and pods compared with what
        they were before the first ADD:""")
    print()
    return nothing_left(before, world.snapshot([POD, OTHER_POD]))


def main():
    sys.stdout.reconfigure(encoding="utf-8", line_buffering=True)
    plugin = sys.argv[1]
    terminal.title("macvlan-rdma: one pod, eight rails")
    terminal.explain("""Everything here is real: the kernel's macvlans, routes and rules, Debian's
        host-local, the program as it is shipped. All of it lives in namespaces that vanish with
        this demo.""")
    terminal.remark(f"{plugin}, {os.path.getsize(plugin) / 1e6:.2f} MB, one file without libraries")
    world.build()
    world.add_pod(POD, "10.233.119.164")
    world.add_pod(OTHER_POD, "10.233.119.165")
    show_node()
    before = world.snapshot([POD, OTHER_POD])
    pod = multus.Pod(plugin, POD)
    answers = show_add(pod)
    show_pod()
    good = check_pod()
    good &= show_inspect(plugin)
    if len(sys.argv) > 2:
        with open(sys.argv[2], "w", encoding="utf-8") as file:
            file.write(inspect(plugin, "--dot").stdout)
    good &= show_trace(answers[1])
    good &= show_silent_gateway(plugin)
    good &= show_del(pod, before)
    print("\n" + (terminal.paint("Everything went as it should.", "green") if good
                  else terminal.paint("Something is not as it should be; see ✗ above.", "red")))
    raise SystemExit(0 if good else 1)


if __name__ == "__main__":
    main()
