#!/bin/sh
# A schema and a role for each service and for the gateway, in one database: a role sees its own schema and nothing else.
# PostgreSQL's image runs this once, when the data folder is new.
for service in records scheduling careteams questionnaires metrics subscriptions gateway inbound; do
  psql --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
    --set service="$service" --set password="$CARETHREAD_DATABASE_PASSWORD" <<'SQL'
CREATE ROLE :"service" LOGIN PASSWORD :'password';
CREATE SCHEMA AUTHORIZATION :"service";
ALTER ROLE :"service" SET search_path = :"service";
SQL
done
psql --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
  --command 'REVOKE ALL ON SCHEMA public FROM PUBLIC'
