# What provision and deprovision hand to the tools, a line each: domain, avoid list, SSH keys file, networks.
include "site";
(.domain // ""), (kept(.) | join(",")), (.ssh_keys_file // ""), ([.vlans[] | {vlan, prefix}] | tojson)
