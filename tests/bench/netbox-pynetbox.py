"""What one writes with pynetbox for one allocation: find the prefix, take its next address.

usage: netbox-pynetbox.py VLAN|PREFIX NAME    (NETBOX_URL, NETBOX_TOKEN)
"""

import json
import os
import sys

import pynetbox

place, name = sys.argv[1:]
netbox = pynetbox.api(os.environ["NETBOX_URL"], token=os.environ["NETBOX_TOKEN"])
by = "prefix" if "/" in place else "vlan_vid"
prefix = netbox.ipam.prefixes.get(**{by: place})
address = prefix.available_ips.create({"dns_name": name})
print(json.dumps({"name": name, "address": str(address)}))
