# A guest's record with what came of it, then (-r) "no" if it has an error, else "yes", and what people should know. The input
# is {record, job}, $met what host-keys.jq said, $answers the lines of the guest
# (raw), $code ssh's exit code, $said its last words, $ms how long it took, $dry whether nothing was to be changed.
include "text";

def mac: test("\\A([0-9a-f]{2}:){5}[0-9a-f]{2}\\z") and . != "00:00:00:00:00:00";

def step($name; $why): failed("configure"; "\($name): \($why)") | .error.step = ($name | printable);

$met[0] as $met
| .record as $record
| .job as $job
# The guest may be anybody's by now: what it says is taken for no more than it can be.
| [$answers | split("\n")[] | fromjson? | objects | select(.pvx == $pvx)] as $lines
| (reduce ($lines[] | select(.did | type == "string")) as $line ({}; .[$line.did] |= if type == "array" then . + ($line.value | arrays // []) else $line.value end)) as $configured
| ([$lines[] | select(.versions | type == "object")][0]) as $last
| ([$lines[] | select(.failed | type == "string")][0]) as $failure
| [$lines[] | .warning | strings | printable] as $warnings
| $record
| if $met.error then . + $met
  elif $failure.failed == "unsupported-os" then failed("unsupported-os"; "it is \($failure.why), and only Debian and Ubuntu are known")
  elif $failure.failed == "other-guest" then failed("other-guest"; "what answers at \($job.address) calls itself \($failure.why), so nothing was changed there")
  elif $failure then step($failure.failed; $failure.why)
  elif $last then .
  elif $code == 127 and $lines == [] and ($job.user == "root" or ($said | test("bash: .*not found"; "i") and (test("sudo: command not found") | not))) then failed("unsupported-os"; "there is no bash, so it is neither Debian nor Ubuntu")
  elif $said | test("Host key verification failed|HOST IDENTIFICATION HAS CHANGED") then failed("host-key"; "\($job.address) offered another key than a moment before")
  elif $code == 124 or $code == 137 then step("connection"; "not done within an hour")
  elif $lines == [] then step("login"; "\($job.user)@\($job.address): \(if $said == "" then "exit code \($code)" else $said end)")
  else step("connection"; "it was lost half-way, and the guest may still be at it: \(if $said == "" then "exit code \($code)" else $said end)")
  end
| .configured = $configured
| .changed = ($configured != {} and ($dry | not))
| if $last.hostname | type == "string" then .seen = {hostname: ($last.hostname | printable), macs: [$last.macs | arrays[:64][] | strings | ascii_downcase | select(mac)]} else . end
| if $last and (.error | not) then .os = ([$last.os | strings | printable][0]) | .versions = $last.versions | (if $dry then . else .ready_ms = $ms end) else . end
| if $dry then .dry_run = true else . end
| if $warnings == [] then . else .warnings = ((.warnings | arrays) // []) + $warnings end
| if .error then .error as $error | del(.error) + {error: $error} else . end
| ., (if .error then "no" else "yes" end), ((.error | objects | "\($record.name): \(.message)"), ($warnings[] | "\($record.name): \(.)") | printable)
