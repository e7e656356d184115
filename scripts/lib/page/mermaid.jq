# Diagrams for mermaid, in the dialect that all of its renderers know (10 and later).
# No name of the cluster's is ever more than a label: identifiers are numbers of ours.

# A label. Mermaid's own references (#35;) hold for each character that its grammar, its Markdown or HTML could read.
def labelled:
  tostring | cut(80)
  | explode | map(if is_hidden then 63 else . end)
  | . as $all
  | [range(length) | . as $at | $all[$at]
     | if . > 159 or (. >= 48 and . <= 57) or (. >= 65 and . <= 90) or (. >= 97 and . <= 122) or (. == 32 and $at > 0) then [.] | implode
       elif IN(45, 46) and $at > 0 and $all[$at + 1] != 32 and $at + 1 < ($all | length) then [.] | implode # "1. x" and "- x" would be lists
       else "#\(.);" end]
  | add // "#32;";
def quoted: "\"\(labelled)\"";

def diagram(lines): [lines] | if . == [] then empty else "```mermaid", .[], "```", "" end;
# What begins a line of a gantt might be one of its own words (title, section, done): a reference there makes it text.
def section_label: labelled | if test("\\A[A-Za-z]") then "#\(explode[0]);" + .[1:] else . end;
def task_label: section_label;
