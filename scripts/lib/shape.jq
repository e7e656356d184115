# What a guest will be by what it is asked to be: the site's rules, which ask neither network nor cluster.

# {shape, why}: a container, Docker in a container, or a VM.
def shape_of:
  if .compose | not then {shape: "lxc", why: "not a compose stack"}
  elif .stateful_db then {shape: "docker-lxc", why: "a compose stack with a stateful database"}
  elif .high_io then {shape: "vm", why: "a compose stack with high I/O"}
  elif .custom_kernel then {shape: "vm", why: "a compose stack with a kernel of its own"}
  else {shape: "docker-lxc", why: "a compose stack, neither high I/O nor a kernel of its own"} end;

# The name of the template for a guest of this shape.
def template_for($shape): .template // if $shape != "lxc" or .role == "docker" then "docker" else "base" end;
