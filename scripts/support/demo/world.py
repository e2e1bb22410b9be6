# SPDX-License-Identifier: Apache-2.0
"""The reference scenario in namespaces, and what is in it at a moment.

This process' own network namespace plays the node:

    outside ─ 10.1.0.1/16 ───── eno1 10.1.20.4/16 ┐
                                                   node ─ cali… ─ eth0 of each pod
    far ─ gateways ─ gw1 172.16.11.254/24 ─ enp11s0f0np0 ┘
          192.168.100.0/24 between the two
"""

import contextlib
import ctypes
import json
import os
import subprocess

RAILS = range(1, 9)
STATE_DIR = "/run/macvlan-rdma"
LEASE_DIR = "/run/cni/networks"
FAR_ADDRESS = "192.168.100.2"
CLONE_NEWNET = 0x40000000


def master(rail):
    return f"enp{10 + rail}s0f0np0"


def address(rail, host=10):
    return f"172.16.{10 + rail}.{host}"


def gateway(rail):
    return address(rail, 254)


def run(*argv, stdin=""):
    """What a command printed; its failure ends the demo."""
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(argv)}: {done.stderr.strip()}\n{stdin}")
    return done.stdout


def ip(netns, *argv):
    """`ip` in a namespace by its name; "" is the node."""
    return run("ip", *(("-n", netns) if netns else ()), *argv)


def ip_batch(netns, lines):
    run("ip", *(("-n", netns) if netns else ()), "-batch", "-", stdin="\n".join(lines) + "\n")


def ip_json(netns, *argv):
    return json.loads(ip(netns, "-json", "-details", *argv).strip() or "[]")


def put_sysctl(key, value, netns=""):
    with inside(netns), open(f"/proc/sys/net/{key}", "w", encoding="ascii") as file:
        file.write(value)


@contextlib.contextmanager
def inside(netns):
    """Sockets opened in here belong to that namespace."""
    if not netns:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/self/ns/net", "rb") as home, open(f"/run/netns/{netns}", "rb") as other:
        if libc.setns(other.fileno(), CLONE_NEWNET) != 0:
            raise SystemExit(f"setns {netns}: {os.strerror(ctypes.get_errno())}")
        try:
            yield
        finally:
            libc.setns(home.fileno(), CLONE_NEWNET)


def build():
    """Node, rails, gateways and what lies around them."""
    run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    run("mount", "-t", "sysfs", "sysfs", "/sys")
    os.makedirs(LEASE_DIR)
    for netns in ("outside", "gateways", "far"):
        add_netns(netns)
    ip_batch("", ["link set lo up",
                  "link add eno1 type veth peer name node netns outside",
                  "addr add 10.1.20.4/16 dev eno1",
                  "link set eno1 up"])
    ip_batch("outside", ["addr add 10.1.0.1/16 dev node",
                         "link set node up",
                         "route add 10.233.64.0/18 via 10.1.20.4"])
    ip("", "route", "add", "default", "via", "10.1.0.1")
    put_sysctl("ipv4/ip_forward", "1")
    build_gateways()


def build_gateways():
    """All rails' gateways share a namespace, so each must answer ARP for its own address only."""
    put_sysctl("ipv4/ip_forward", "1", "gateways")
    put_sysctl("ipv4/conf/all/arp_ignore", "1", "gateways")
    put_sysctl("ipv4/conf/all/arp_announce", "2", "gateways")
    for rail in RAILS:
        ip_batch("", [f"link add {master(rail)} type veth peer name gw{rail} netns gateways",
                      f"link set {master(rail)} up"])
        ip_batch("gateways", [f"addr add {gateway(rail)}/24 dev gw{rail}",
                              f"link set gw{rail} up"])
    ip_batch("gateways", ["link add far type veth peer name gateways netns far",
                          "addr add 192.168.100.1/24 dev far",
                          "link set far up"])
    ip_batch("far", [f"addr add {FAR_ADDRESS}/24 dev gateways",
                     "link set gateways up",
                     "route add default via 192.168.100.1"])


def add_netns(name):
    ip("", "netns", "add", name)
    ip(name, "link", "set", "lo", "up")


def add_pod(name, eth0):
    """A pod with an eth0 as Calico makes it: a /32, and a next hop that the node answers for."""
    add_netns(name)
    host_nic = f"cali-{name}"
    ip_batch("", [f"link add {host_nic} type veth peer name eth0 netns {name}",
                  f"link set {host_nic} up",
                  f"route add {eth0} dev {host_nic} scope link"])
    put_sysctl(f"ipv4/conf/{host_nic}/proxy_arp", "1")
    put_sysctl(f"ipv4/neigh/{host_nic}/proxy_delay", "0")
    ip_batch(name, [f"addr add {eth0}/32 dev eth0",
                    "link set eth0 up",
                    "route add 169.254.1.1 dev eth0 scope link",
                    "route add default via 169.254.1.1 dev eth0"])


def set_gateway_answers(rail, answers):
    ip("gateways", "link", "set", f"gw{rail}", "arp", "on" if answers else "off")


def files_below(directory):
    return {os.path.join(path, name) for path, _, names in os.walk(directory) for name in names}


def leases():
    """host-local names a lease by its address; its other files stay."""
    return {path for path in files_below(LEASE_DIR) if os.path.basename(path)[:1].isdigit()}


def routes(netns):
    """Routes of all tables, but for those that the kernel makes by itself for IPv6."""
    found = [route | {"family": family, "flags": ""} for family in ("-4", "-6")
             for route in ip_json(netns, family, "route", "show", "table", "all")]
    return {f"{netns or 'node'}: {json.dumps(route)}" for route in found
            if route["family"] == "-4" or route.get("protocol") != "kernel"}


def links(netns):
    return {f"{netns or 'node'}: {link['ifname']}, MTU {link['mtu']}, {link.get('address', '')}, "
            f"promiscuity {link.get('promiscuity', 0)}" for link in ip_json(netns, "link", "show")}


def addresses(netns):
    return {f"{netns or 'node'}: {link['ifname']} {entry['local']}/{entry['prefixlen']}"
            for link in ip_json(netns, "-4", "addr", "show") for entry in link["addr_info"]}


def rules(netns):
    return {f"{netns or 'node'}: {json.dumps(rule)}" for family in ("-4", "-6")
            for rule in ip_json(netns, family, "rule", "show")}


def snapshot(pods):
    """Everything that the plugin may change, in node and pods, kind by kind."""
    kinds = {"links": links, "addresses": addresses, "routes": routes, "rules": rules}
    world = {kind: set().union(*(read(netns) for netns in ("", *pods)))
             for kind, read in kinds.items()}
    return world | {"leases": leases(), "journals and locks": files_below(STATE_DIR)}
