"""Turns the Design of a blueprint with a fabric into what a lab of network namespaces needs.

usage: fabric_plan.py wire DESIGN PREFIX [LABEL=LABEL]   commands for "ip -batch -": one veth a cable, in the namespaces of both ends;
                                                         two labels that are given change places at their leaf
       fabric_plan.py devices DESIGN                     KIND NAME, one a line
       fabric_plan.py hosts DESIGN                       NAME PORT ADDRESS GATEWAY, one a rail
       fabric_plan.py cable DESIGN LABEL                 the words by which cable verify names its ends
"""

import ipaddress
import json
import sys


def design(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f)


def links(d):
    return [l for f in d["fabrics"] for l in f["links"] if l["network"] != "management" and l["a"]["kind"] in ("node", "switch")]


def devices(d):
    found = {}
    for l in links(d):
        for end in (l["a"], l["b"]):
            found[end["device"]] = "switch" if end["kind"] == "switch" else "host"
    return found


def wire(d, prefix, swap):
    far = {l["label"]: l["b"] for l in links(d)}
    if swap:
        one, other = swap.split("=")
        far[one], far[other] = far[other], far[one]
    for l in links(d):
        a, b = l["a"], far[l["label"]]
        print(f"link add {a['port']} netns {prefix}{a['device']} type veth peer name {b['port']} netns {prefix}{b['device']}")


def hosts(d):
    for l in links(d):
        if l["a"]["kind"] == "node":
            gateway = ipaddress.ip_interface(l["b"]["address"]).ip
            print(l["a"]["device"], l["a"]["port"], l["a"]["address"], gateway)


def cable(d, label):
    frame = {r["address"]: r["name"] for r in d["racks"]}
    for l in links(d):
        if l["label"] == label:
            a, b = l["a"], l["b"]
            print(f"{frame[a['rack']]} U{a['position_u']} {a['device']} {a['port']}|{b['device']} {b['port']}")


def main():
    what, d = sys.argv[1], design(sys.argv[2])
    if what == "wire":
        wire(d, sys.argv[3], sys.argv[4] if len(sys.argv) > 4 else "")
    elif what == "devices":
        for name, kind in sorted(devices(d).items()):
            print(kind, name)
    elif what == "hosts":
        hosts(d)
    elif what == "cable":
        cable(d, sys.argv[3])
    else:
        sys.exit(__doc__)


main()
