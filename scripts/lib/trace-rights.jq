# The rights of a token of Proxmox Backup Server: by path.
.data | if type == "object" then . else error("no table of rights came") end
