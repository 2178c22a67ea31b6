-- The one clock of this schema: microseconds since 1970, UTC. Leases, delays and due dates are decided by it alone, so
-- that processes whose own clocks differ agree. Tests replace it by a constant and wind that.
--
-- Call it as (SELECT wharf.wharf_now()): evaluated once for the statement, it may then bound an index scan.
CREATE FUNCTION wharf.wharf_now() RETURNS BIGINT LANGUAGE sql VOLATILE
    AS $$ SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::BIGINT $$;
