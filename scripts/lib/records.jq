# The records of one JSON value: the elements of an array, those of an envelope
# ({"data":[..]}, {"results":[..]}), or the value itself.
def records:
  (if type == "array" then .[]
   elif type != "object" then .
   elif (.data | type) == "array" then .data[]
   elif has("data") and .data == null and .message then error("an error, not a list: \(.message | rtrimstr("\n"))")
   elif (has("data") and .data == null) or keys == ["detail"] or has("errors") then error("the answer of a request that failed: \(tojson[:80])")
  elif has("data") and keys - ["data", "digest", "message", "success", "total"] == [] then .data
   elif (.results | type) == "array" then
     if .next then error("one page of several, the next is \(.next)") else .results[] end
   else . end)
  | if type == "object" then . else error("a value of type \(type) is no record: \(tojson[:60])") end;

# The records of all of the input (jq -n), which must be there: {"data":null} and nothing at all are no list.
def whole:
  [inputs]
  | if . == [] then error("it is empty") else .[] end
  | if type == "object" and has("data") and .data == null and .message == null then error("no list: \(tojson[:80])") else records end;

# A number in decimal, as number or as text, leading zeros allowed; else null.
def decimal:
  if type == "number" and . >= 0 and . == floor then .
  elif type == "string" and test("\\A[0-9]{1,18}\\z") then tonumber
  else null end;
