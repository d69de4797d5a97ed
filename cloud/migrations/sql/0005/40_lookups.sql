-- Who is behind a secret, before any organization is known. Removed people are behind none.
DROP FUNCTION lookup_login_link(bytea);
CREATE FUNCTION lookup_login_link(hash bytea) RETURNS TABLE (organization_id text, login text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
  AS $$ SELECT l.organization_id, l.login FROM login_links l
        JOIN persons p ON p.organization_id = l.organization_id AND p.login = l.login AND p.active
        WHERE l.token_hash = hash $$;

DROP FUNCTION lookup_web_session(bytea);
CREATE FUNCTION lookup_web_session(hash bytea)
  RETURNS TABLE (organization_id text, login text, user_id text, home_organization_id text,
                 web_session_id text, proof text, expires_at timestamptz)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
  AS $$ SELECT s.organization_id, s.login, p.user_id,
               coalesce(p.home_organization_id, p.organization_id), s.web_session_id, s.proof,
               s.expires_at
        FROM web_sessions s
        JOIN persons p ON p.organization_id = s.organization_id AND p.login = s.login AND p.active
        WHERE s.session_hash = hash AND s.ended_at IS NULL $$;

DROP FUNCTION lookup_api_key(bytea);
CREATE FUNCTION lookup_api_key(hash bytea)
  RETURNS TABLE (organization_id text, login text, user_id text, key_id text, scopes text[],
                 expires_at timestamptz, last_used_at timestamptz)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
  AS $$ SELECT k.organization_id, k.login, p.user_id, k.key_id, k.scopes, k.expires_at,
               k.last_used_at
        FROM api_keys k
        JOIN persons p ON p.organization_id = k.organization_id AND p.login = k.login AND p.active
        WHERE k.key_hash = hash AND k.revoked_at IS NULL $$;

CREATE FUNCTION lookup_token_family(id text)
  RETURNS TABLE (organization_id text, login text, user_id text, scopes text[], proof text,
                 expires_at timestamptz)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
  AS $$ SELECT f.organization_id, f.login, f.user_id, f.scopes, f.proof, f.expires_at
        FROM token_families f JOIN persons p USING (organization_id, user_id)
        WHERE f.family_id = id AND f.ended_at IS NULL AND p.active $$;

CREATE FUNCTION lookup_refresh_token(hash bytea)
  RETURNS TABLE (organization_id text, login text, user_id text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
  AS $$ SELECT f.organization_id, f.login, f.user_id FROM refresh_tokens r
        JOIN token_families f USING (organization_id, family_id)
        WHERE r.token_hash = hash $$;

CREATE FUNCTION lookup_password_link(hash bytea)
  RETURNS TABLE (organization_id text, login text, user_id text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
  AS $$ SELECT l.organization_id, p.login, l.user_id FROM password_links l
        JOIN persons p USING (organization_id, user_id)
        WHERE l.token_hash = hash AND p.active $$;

CREATE FUNCTION lookup_invitation(hash bytea)
  RETURNS TABLE (organization_id text, login text, name_ko text, name_en text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
  AS $$ SELECT i.organization_id, i.login, o.name_ko, o.name_en FROM invitations i
        JOIN organizations o USING (organization_id) WHERE i.token_hash = hash $$;

-- Where a login is at home, and whether a password or an outside account may prove it there.
CREATE FUNCTION lookup_login(name text)
  RETURNS TABLE (organization_id text, code text, login text, user_id text, has_password boolean)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
  AS $$ SELECT p.organization_id, o.code, p.login, p.user_id, w.user_id IS NOT NULL
        FROM persons p JOIN organizations o USING (organization_id)
        LEFT JOIN passwords w USING (organization_id, user_id)
        WHERE p.login = name AND p.active AND p.home_organization_id IS NULL
        ORDER BY p.created_at, p.organization_id $$;

CREATE FUNCTION lookup_provider_account(provider text, known_as text)
  RETURNS TABLE (organization_id text, login text, user_id text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
  AS $$ SELECT a.organization_id, p.login, a.user_id FROM provider_accounts a
        JOIN persons p USING (organization_id, user_id)
        WHERE a.issuer = provider AND a.subject = known_as AND p.active
        ORDER BY a.linked_at $$;

-- The organizations of one person, by the identifier that all of them know.
CREATE FUNCTION lookup_memberships(person text)
  RETURNS TABLE (organization_id text, code text, name_ko text, name_en text, login text)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
  AS $$ SELECT o.organization_id, o.code, o.name_ko, o.name_en, p.login
        FROM persons p JOIN organizations o USING (organization_id)
        WHERE p.user_id = person AND p.active ORDER BY o.code $$;

CREATE FUNCTION lookup_device_code(code_hash bytea)
  RETURNS TABLE (device_hash bytea, client text, address text, scopes text[],
                 expires_at timestamptz)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
  AS $$ SELECT d.device_hash, d.client, d.address, d.scopes, d.expires_at FROM device_codes d
        WHERE d.organization_id = kyndof_doorstep() AND d.user_code_hash = code_hash $$;

CREATE FUNCTION lookup_device(hash bytea)
  RETURNS TABLE (client text, scopes text[], expires_at timestamptz, organization_id text,
                 login text, user_id text, approved boolean, taken_at timestamptz)
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public
  AS $$ SELECT d.client, d.scopes, d.expires_at, a.organization_id, p.login, p.user_id,
               a.approved, a.taken_at
        FROM device_codes d
        LEFT JOIN device_decisions a USING (device_hash)
        LEFT JOIN persons p ON p.organization_id = a.organization_id AND p.user_id = a.user_id
        WHERE d.organization_id = kyndof_doorstep() AND d.device_hash = hash $$;
