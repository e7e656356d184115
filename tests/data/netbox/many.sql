-- 20,000 addresses in 10.20.0.0/16, from its first on, and 8,000 prefixes elsewhere.
INSERT INTO ipam_ipaddress (created, last_updated, custom_field_data, address, status, role, dns_name, description, comments)
SELECT now(), now(), '{"ipalloc_key": null}', set_masklen('10.20.0.0'::inet + n, 16), 'active', '', 'h' || n || '.lab.example', '', ''
FROM generate_series(1, 20000) n;

INSERT INTO ipam_prefix (created, last_updated, custom_field_data, prefix, status, is_pool, mark_utilized, description, comments, _children, _depth)
SELECT now(), now(), '{}', set_masklen('10.64.0.0'::inet + n * 256, 24)::cidr, 'active', false, false, '', '', 0, 0
FROM generate_series(0, 7999) n;

ANALYZE;
