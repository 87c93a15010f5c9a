"""Reads a JSON list of keyfile texts from stdin and answers, as JSON, what NetworkManager (libnm) makes of each."""

import json
import sys

import gi

gi.require_version("NM", "1.0")
from gi.repository import GLib, NM  # noqa: E402


def as_hex(text):
    return None if text is None else text.encode().hex()


def read(text):
    keyfile = GLib.KeyFile()
    keyfile.load_from_data(text, len(text.encode()), GLib.KeyFileFlags.NONE)
    warnings = []

    def note(_keyfile, _connection, _kind, data, _user):
        warnings.append(str(data))
        return False

    connection = NM.keyfile_read(keyfile, "/nowhere", NM.KeyfileHandlerFlags.NONE, note, None)
    # The daemon makes one from the file's name.
    if connection.get_uuid() is None:
        connection.get_setting_connection().set_property("uuid", "2815492f-7e56-435e-b2e9-246bd7cdc664")
    connection.normalize()
    connection.verify()
    wifi = connection.get_setting_wireless()
    security = connection.get_setting_wireless_security()
    eap = connection.get_setting_802_1x()
    ip4 = connection.get_setting_ip4_config()
    ip6 = connection.get_setting_ip6_config()
    return {
        "id": connection.get_id(),
        "type": connection.get_connection_type(),
        "priority": connection.get_setting_connection().get_autoconnect_priority(),
        "ssid": wifi and wifi.get_ssid() and wifi.get_ssid().get_data().hex(),
        "hidden": bool(wifi and wifi.get_hidden()),
        "keyManagement": security and security.get_key_mgmt(),
        "psk": security and as_hex(security.get_psk()),
        "eap": eap and {
            "method": eap.get_eap_method(0),
            "identity": as_hex(eap.get_identity()),
            "password": as_hex(eap.get_password()),
            "phase2": eap.get_phase2_auth(),
            "ca": certificate(eap),
        },
        "ipv4": addresses(ip4),
        "ipv6": addresses(ip6),
        "warnings": warnings,
    }


def certificate(eap):
    is_blob = eap.get_ca_cert_scheme() == NM.Setting8021xCKScheme.BLOB
    return eap.get_ca_cert_blob().get_data().hex() if is_blob else None


def addresses(setting):
    return {
        "method": setting.get_method(),
        "addresses": [
            f"{address.get_address()}/{address.get_prefix()}"
            for address in (setting.get_address(i) for i in range(setting.get_num_addresses()))
        ],
        "gateway": setting.get_gateway(),
        "dns": [setting.get_dns(i) for i in range(setting.get_num_dns())],
    }


def read_or_explain(text):
    try:
        return read(text)
    except GLib.Error as error:
        return {"error": error.message}


print(json.dumps([read_or_explain(text) for text in json.load(sys.stdin)]))
