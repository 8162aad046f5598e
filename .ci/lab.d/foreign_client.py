"""Drives every node of a simulated rack with sushy, a Redfish client that knows nothing of this project.

usage: foreign_client.py WORKSPACE     a folder in which `metalwright sim up` has left its bindings

One line per node and check; ends with 1 when a check failed. Every certificate is verified: fetched once, held against the pin of
the binding, then the only one that is trusted for that node.
"""

import base64
import hashlib
import json
import logging
import os
import re
import ssl
import subprocess
import sys
import tempfile
import time

import sushy

DEADLINE_S = 60  # of real time, for anything a node is asked to do


class Skip(Exception):
    """What this dialect does not offer."""


def bindings(folder):
    """The nodes of site.bind.hcl: name, and its plain attributes."""
    with open(os.path.join(folder, "site.bind.hcl"), encoding="utf-8") as f:
        text = f.read()
    with open(os.path.join(folder, ".metalwright", "design.json"), encoding="utf-8") as f:
        hosts = {n["name"] for n in json.load(f)["nodes"]}
    for name, body in re.findall(r'^bind "([^"]+)" \{\n(.*?)^\}', text, re.M | re.S):
        if name not in hosts:
            continue  # a switch or a power shelf: no host
        node = dict(re.findall(r'^\s*(\w+)\s*=\s*(?:secret\()?"([^"]*)"', body, re.M))
        node["name"] = name
        kind, _, path = node["credential"].partition(":")
        if kind != "file":
            raise SystemExit(f"{name}: the credential is not in a file")
        with open(os.path.join(folder, path), encoding="utf-8") as f:
            node["password"] = f.read().strip()
        yield node


def certificate(node, folder):
    """Fetches the certificate, holds it against the pin, and leaves it in a file that the client may trust."""
    host, port = re.fullmatch(r"https://([^:/]+):(\d+)", node["url"]).groups()
    pem = ssl.get_server_certificate((host, int(port)))
    key = subprocess.run(["openssl", "x509", "-noout", "-pubkey"], input=pem, capture_output=True, text=True, check=True).stdout
    der = base64.b64decode("".join(key.splitlines()[1:-1]))
    if hashlib.sha256(der).hexdigest() != node["pin_sha256"]:
        raise SystemExit(f"{node['name']}: another certificate than its binding says")
    path = os.path.join(folder, node["name"] + ".pem")
    with open(path, "w", encoding="utf-8") as f:
        f.write(pem)
    return path


def wait(what, ready):
    """Waits until ready() holds; the simulator's minutes are short."""
    end = time.monotonic() + DEADLINE_S
    while not ready():
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not happen in {DEADLINE_S} s")
        time.sleep(0.05)


def same(got, want, what):
    if got != want:
        raise AssertionError(f"{what} is {got!r}, want {want!r}")


class Node:
    """One BMC, and the host of it that the binding names."""

    def __init__(self, binding, pem):
        self.binding = binding
        self.root = sushy.Sushy(binding["url"], username=binding["username"], password=binding["password"], verify=pem)
        self.system = self.root.get_system("/redfish/v1/Systems/" + binding["system"])

    def power(self):
        self.system.refresh(force=True)
        return self.system.power_state

    def running(self):
        """Waits until the host is out of POST, where the BMC tells."""
        def done():
            self.system.refresh(force=True)
            progress = (self.system.json.get("BootProgress") or {}).get("LastState")
            return progress in (None, "OSRunning")
        wait("the end of POST", done)

    # The checks, in the order in which they run. Each returns what it saw.

    def login(self):
        session = self.root.create_session(self.binding["username"], self.binding["password"])
        if not all(session):
            raise AssertionError("the session has no token or no place")
        self.root.get_session(session[1]).delete()
        return f"Redfish {self.root.redfish_version}"

    def read(self):
        s, chassis = self.system, self.root.get_chassis_collection().get_members()
        models = [s.json.get("Model")] + [c.model for c in chassis]  # GB200's System names neither: its chassis does
        serials = [s.serial_number] + [c.serial_number for c in chassis]
        model = next((m for m in models if m), None)
        if self.binding["serial"] not in serials:
            raise AssertionError(f"serial number {self.binding['serial']} is nowhere among {serials}")
        if not model:
            raise AssertionError("nobody tells the model")
        cpus = s.processors.get_members()
        if not cpus:
            raise AssertionError("there is no processor")
        drives = sum(len(x.drives) for x in s.storage.get_members())  # none on a machine whose catalog entry knows of none
        return f"{model}, serial {self.binding['serial']}, {s.power_state.value}, {len(cpus)} processors, {drives} drives"

    def switch(self):
        same(self.power(), sushy.PowerState.ON, "power")
        self.system.reset_system(sushy.ResetType.FORCE_OFF)
        wait("power off", lambda: self.power() == sushy.PowerState.OFF)
        self.system.reset_system(sushy.ResetType.ON)
        wait("power on", lambda: self.power() == sushy.PowerState.ON)
        self.running()
        return "On, Off, On"

    def boot(self):
        seen = []
        for target in (sushy.BootSource.PXE, sushy.BootSource.HDD, sushy.BootSource.CD):
            self.system.set_system_boot_options(target, sushy.BootSourceOverrideEnabled.ONCE)
            self.system.refresh(force=True)
            got = self.system.boot
            allowed = (target, sushy.BootSource.USB_CD) if target is sushy.BootSource.CD else (target,)
            if got.target not in allowed or got.enabled is not sushy.BootSourceOverrideEnabled.ONCE:
                raise AssertionError(f"the override is {got.target}, {got.enabled}; want {target}, once")
            seen.append(got.target.value)
        return "once " + ", ".join(seen)

    def bios(self):
        bios = self.system.bios
        key, want = self.stage(bios)
        before = bios.attributes[key]
        same(bios.pending_attributes.get(key), want, "the pending " + key)
        self.system.reset_system(sushy.ResetType.FORCE_RESTART)

        def applied():
            bios.refresh(force=True)
            return bios.attributes[key] == want
        wait(f"{key} becoming {want}", applied)
        self.running()
        wait("the end of the one-time override", lambda: self.once_over())
        return f"{key}: {before} -> {want} after one reset, and the override is spent"

    def once_over(self):
        self.system.refresh(force=True)
        return self.system.boot.enabled is sushy.BootSourceOverrideEnabled.DISABLED

    def stage(self, bios):
        """Sets the first attribute that takes another value by itself."""
        when = sushy.ApplyTime.ON_RESET if sushy.ApplyTime.ON_RESET in (bios.supported_apply_times or []) else None
        for key, values in self.choices(bios):
            for value in values:
                if value == bios.attributes[key]:
                    continue
                try:
                    bios.set_attribute(key, value, apply_time=when)
                except (sushy.exceptions.BadRequestError, sushy.exceptions.HTTPError):
                    continue  # it depends on another
                return key, value
        raise AssertionError("no BIOS attribute can be changed")

    @staticmethod
    def choices(bios):
        """Attributes and their values: by the registry where the BMC names one, else what can only be true or false."""
        named = bios.json.get("AttributeRegistry")
        registry = named and (bios.get_attribute_registry() or bios.get_attribute_registry("en-US"))
        if not registry:
            for key, value in sorted(bios.attributes.items()):
                if isinstance(value, bool):
                    yield key, [not value]
            return
        for a in registry.json["RegistryEntries"]["Attributes"]:
            key = a["AttributeName"]
            if a.get("ReadOnly") or a["Type"] != "Enumeration" or key not in bios.attributes:
                continue
            for name in ("ValueName", "ValueDisplayName"):  # some show the one, some the other (R105)
                values = [v[name] for v in a["Value"]]
                if bios.attributes[key] in values:
                    yield key, values
                    break

    def media(self):
        slots = [v for m in self.system.managers for v in m.virtual_media.get_members() if sushy.VirtualMediaType.CD in v.media_types]
        if not slots:
            raise Skip("no slot for a CD")
        slot, image = slots[0], "https://127.0.0.1/os.iso"
        slot.insert_media(image)
        slot.refresh(force=True)
        if not slot.inserted or slot.image != image:
            raise AssertionError(f"inserted {slot.inserted}, image {slot.image}")
        slot.eject_media()
        slot.refresh(force=True)
        if slot.inserted or slot.image:
            raise AssertionError(f"after the ejection: inserted {slot.inserted}, image {slot.image}")
        return f"slot {slot.identity}: in and out"


CHECKS = ("login", "read", "switch", "boot", "bios", "media")


def main(folder):
    logging.disable(logging.WARNING)  # what it grumbles about is not what is checked here
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):  # requests lets them override the one certificate that is to be trusted
        os.environ.pop(name, None)
    os.environ["NO_PROXY"] = "127.0.0.1"
    # Debian packages sushy without DMTF's registries, on which it would trip.
    sushy.Sushy._get_standard_message_registry_collection = lambda self: []  # pylint: disable=protected-access
    failed = 0
    with tempfile.TemporaryDirectory() as pems:
        nodes = list(bindings(folder))
        for b in nodes:
            node = None
            for check in CHECKS:
                try:
                    node = node or Node(b, certificate(b, pems))
                    word, said = "ok", getattr(node, check)()
                except Skip as e:
                    word, said = "none", e
                except Exception as e:  # pylint: disable=broad-except; every check of every node is to be seen
                    word, said, failed = "FAIL", f"{type(e).__name__}: {e}", failed + 1
                print(f"{word:4} {b['name']:8} {check:7} {said}", flush=True)
    print(f"sushy: {len(nodes)} nodes, {len(nodes) * len(CHECKS)} checks, {failed} failed")
    return 1 if failed or not nodes else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    sys.exit(main(sys.argv[1]))
