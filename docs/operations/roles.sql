-- Run once by PostgreSQL's image, as superuser, when the data base is empty: who logs in. `ticketcore db grant` says what for.
\getenv owner OWNER_PASSWORD
\getenv relay RELAY_PASSWORD
\getenv projector PROJECTOR_PASSWORD
\getenv service SERVICE_PASSWORD
\getenv database POSTGRES_DB

CREATE ROLE tickets_owner LOGIN PASSWORD :'owner';          -- migrates; owns the log and the keys
CREATE ROLE tickets_relay LOGIN PASSWORD :'relay';          -- one role for all relays: a standby ends a silent leader's session
CREATE ROLE tickets_projector LOGIN PASSWORD :'projector';  -- owns the read models
CREATE ROLE tickets_service LOGIN PASSWORD :'service';      -- of whoever embeds the library
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
ALTER DATABASE :"database" OWNER TO tickets_owner;
GRANT CREATE, CONNECT, TEMPORARY ON DATABASE :"database" TO tickets_projector;
GRANT CONNECT ON DATABASE :"database" TO tickets_relay, tickets_service;
