-- The elements of a JSON array with their places, as SQLite's function of this name gives them. Many rows travel as one
-- parameter this way, in one SQL text for both engines.
CREATE FUNCTION json_each(array_of_rows TEXT) RETURNS TABLE (key BIGINT, value JSON) LANGUAGE sql IMMUTABLE
    AS $$ SELECT place - 1, element FROM json_array_elements($1::JSON) WITH ORDINALITY AS each (element, place) $$;
