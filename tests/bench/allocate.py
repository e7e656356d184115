"""What a site scripts for itself in place of ipalloc: the lowest free address, from CSV.

usage: allocate.py DIR PREFIX NAME [--dry-run]

Reads DIR/ip-addresses.csv with csv and ipaddress. An owner that has an address gets it
again; the prefix's first address is the gateway. A new row is written with the rest of
the file to a temporary one, synced, and moved into place. There is nothing in it of
ranges, child prefixes, other forms of the file or other processes.
"""

import csv
import ipaddress
import os
import shutil
import sys

folder, prefix, name = sys.argv[1:4]
path = os.path.join(folder, "ip-addresses.csv")
network = ipaddress.ip_network(prefix)

taken = {network.network_address + 1}
with open(path, newline="") as file:
    rows = csv.reader(file)
    header = next(rows)
    address_column = header.index("address")
    key_column = header.index("cf_ipalloc_key")
    for row in rows:
        address = row[address_column]
        if row[key_column] == name:
            print(address)
            sys.exit()
        taken.add(ipaddress.ip_address(address.partition("/")[0]))

free = next((host for host in network.hosts() if host not in taken), None)
if free is None:
    sys.exit(f"{prefix} is full")
answer = f"{free}/{network.prefixlen}"

if "--dry-run" not in sys.argv:
    new = {"address": answer, "status": "active", "dns_name": name, "cf_ipalloc_key": name}
    temporary = path + ".new"
    shutil.copyfile(path, temporary)
    with open(temporary, "a", newline="") as file:
        csv.writer(file, lineterminator="\n").writerow([new.get(column, "") for column in header])
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
print(answer)
