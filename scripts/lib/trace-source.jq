# Records of a list, each with the list's name ($source) for 'vmid trace'.
if type == "object" then .source = $source else error("a value of type \(type) is no record") end
