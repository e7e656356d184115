# What people read of records. In a module that includes no other, as site.jq is.

# Without what a terminal would obey, or what hides or turns text round: call.bash's `clean`, in jq.
def printable: gsub("[\\x{00}-\\x{1f}\\x{7f}-\\x{9f}\\x{61c}\\x{200b}-\\x{200f}\\x{2028}-\\x{202e}\\x{2060}-\\x{2069}\\x{feff}]"; "?");

def failed($code; $message): . + {error: {code: $code, message: ($message | printable)}};
