# Whether a program has done its work, by what is left of it.

# Why it has not, or nothing. $code is its exit code as text and $why what it said; $read and $unread count its lines that are records
# and that are none, $open its findings, and $due what there is to have a record of.
def not_run($code; $why; $read; $unread; $open; $due):
  if IN($code; "0", "1") | not then "could not be run to its end: \($why)"
  elif $unread > 0 then "wrote \($unread) lines that are no records"
  elif $code == "1" and $open == 0 then "ended with exit code 1, and has found nothing: \($why)" # set -e of a script, say
  elif $read == 0 and $due > 0 then "has written nothing, and there is something to be looked at: \($why)"
  else empty end;
