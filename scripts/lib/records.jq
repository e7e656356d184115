# The records of one JSON value: the elements of an array, those of an envelope
# ({"data":[..]}, {"results":[..]}), or the value itself.
def records:
  (if type == "array" then .[]
   elif type != "object" then .
   elif (.data | type) == "array" then .data[]
   elif has("data") and .data == null and .message then error("an error, not a list: \(.message | rtrimstr("\n"))")
   elif has("data") and keys - ["data", "digest", "message", "success", "total"] == [] then .data // empty
   elif (.results | type) == "array" then
     if .next then error("one page of several, the next is \(.next)") else .results[] end
   else . end)
  | if type == "object" then . else error("a value of type \(type) is no record: \(tojson[:60])") end;
