# The records of one JSON value: the elements of an array, those of an envelope ({"data":[..]}, {"results":[..]}),
# or the value itself. An answer that failed is no record, as vmid's stream has it (envelope.rs).

# What may stand beside the array in an answer of Proxmox's or NetBox's API.
def beside: ["count", "next", "previous", "total", "success", "message", "digest"];

def says: . != null and . != "" and . != [] and . != {};
def refused($name): error("this is the answer of a request that failed: \($name | tojson) is \(.[$name] | tojson[:80])");

# The same object, unless it is the answer of a request that failed.
def answered:
  (keys - beside) as $others
  | if $others - ["data", "errors"] == [] and (.errors | says) then refused("errors")
    elif $others - ["data", "results", "detail"] == [] and (.detail | says) then refused("detail")
    elif $others - ["data", "errors"] == [] and has("data") and .data == null then refused(if .message | says then "message" else "data" end)
    elif $others == [] and (.message | says) and (.success == false or .success == 0) then refused("message")
    else . end;

# The records in the array $name of an envelope.
def enveloped($name):
  (keys - beside - [$name]) as $lost
  | if $lost != [] then error("the member \($lost[0] | tojson) beside the array would be lost")
    elif .next then error("this is one page of several, \"next\" is \(.next | tojson[:80])")
    else .[$name][] end;

def records:
  (if type == "array" then .[]
   elif type != "object" then .
   else
     answered
     | if (.data | type) == "array" then enveloped("data")
       elif (.results | type) == "array" then enveloped("results")
       elif has("data") and keys - beside == ["data"] then .data
       else . end
   end)
  | if type == "object" then . else error("a value of type \(type) is no record: \(tojson[:60])") end;

# The records of all of the input (jq -n), which must be there: nothing at all is no list.
def whole:
  [inputs]
  | if . == [] then error("it is empty") else .[] end
  | records;

# A record of a node, a storage or the like, as /cluster/resources has them beside the guests.
def of_no_guest: .type | IN("node", "storage", "sdn", "pool", "network");

# A number in decimal, as number or as text, leading zeros allowed; else null.
def decimal:
  if type == "number" and . >= 0 and . == floor then .
  elif type == "string" and test("\\A[0-9]{1,18}\\z") then tonumber
  else null end;
