# Data as Markdown: names, comments and messages are what somebody else chose, and may hold markup. Whatever a renderer
# (or the templates of Hugo and Jekyll before it) could take for such is a character reference.
# The files of this folder are one program: site-page puts them one behind the other.

# What hides or turns text round: text.jq's `printable`, by code point.
def is_hidden: . < 32 or (. >= 127 and . < 160) or . == 1564 or (. >= 8203 and . <= 8207) or (. >= 8232 and . <= 8238)
    or (. >= 8288 and . <= 8297) or . == 65279;
def cut($most): if length > $most then .[:$most - 1] + "…" else . end;

# Text in a line or a cell. A colon or a dot matters only where a bare address is made a link, or :word: a picture.
def data:
  tostring | cut(1000)
  | if test("\\A[A-Za-z0-9 ,.;()=+%/-]*\\z") and (ascii_downcase | contains("www.") | not) then .
    else
      test("://|www\\.|:[0-9_+-]*[a-z][a-z0-9_+-]*:"; "i") as $link
      | explode | map(
          if is_hidden then "?"
          elif . > 127 or (. >= 48 and . <= 57) or (. >= 65 and . <= 90) or (. >= 97 and . <= 122) or IN(32, 37, 40, 41, 43, 44, 45, 47, 59, 61) then [.] | implode
          elif IN(58, 46) and ($link | not) then [.] | implode
          elif . == 39 then "'"
          elif . == 95 then "\\_"
          elif . == 64 then "`@`" # a name behind it would be told, and an address be a link
          else "&#\(.);" end) | add // ""
    end;

def listed: map(data) | join(", ");
def row: "| " + (map(if . == null or . == "" then " " else . end) | join(" | ")) + " |";
# $heads and the cells are Markdown.
def table($heads; rows): [rows] | if . == [] then empty else ($heads | row), ($heads | map("---") | row), (.[] | row), "" end;
def heading($text): "## " + $text, "";
def paragraph: ., "";
def some($word): if . == 1 then "1 \($word)" else "\(.) \($word)s" end;
def yes_no: if . == true then "yes" elif . == false then "no" else "?" end;

# Figures of a night in a message, which would make each night's page another: lengths of time, sizes, instants.
# A date stays.
def masked:
  gsub("[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?(Z|[+-][0-9]{2}:[0-9]{2})?"; "…")
  | gsub("(?<![A-Za-z0-9_.-])([0-9]+([.][0-9]+)?(ms|s|m|h|d|w))+(?![A-Za-z0-9_])"; "…")
  | gsub("(?<![A-Za-z0-9_.-])[0-9]+([.][0-9]+)? ?([KMGTP]i?B|kB|B|bytes|seconds|minutes|hours|days|%)(?![A-Za-z0-9_])"; "…");
