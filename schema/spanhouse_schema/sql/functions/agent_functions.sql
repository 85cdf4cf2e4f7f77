-- How the texts of attributes become values of agent_spans. Read by agent_spans_mv only, and written into it when it is made.

-- Of what the spellings of a number say, the first that says something: null is nothing.
CREATE OR REPLACE FUNCTION agent_number AS (texts) -> arrayFirst(text -> text NOT IN ('', 'null'), texts);

-- A count of tokens; NULL for what is none. More than 18 digits would wrap.
CREATE OR REPLACE FUNCTION otlp_count AS (text) -> if(length(text) <= 18, toUInt64OrNull(text), NULL);
