server_jobs() { fail 2 "not yet"; }
