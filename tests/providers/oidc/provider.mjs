// An OpenID provider that enforces PKCE: `node provider.mjs PORT WEB` signs in anybody who names an account, for the web
// application at the address WEB. An account is `role/institution`.
import { generateKeyPairSync } from "node:crypto";
import Provider from "oidc-provider";

const [port, web] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const resource = "urn:preceptor";
const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: "preceptor-web",
      token_endpoint_auth_method: "none",
      grant_types: ["authorization_code", "refresh_token"],
      redirect_uris: [`${web}/sign-in/st-anna/callback`],
      post_logout_redirect_uris: [`${web}/signed-out`],
    },
  ],
  pkce: { required: () => true },
  cookies: { keys: ["for tests only"] },
  // Published without `alg`, as some providers do.
  jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), kid: "one", use: "sig" }] },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  issueRefreshToken: () => true,
  ttl: { AccessToken: 20, Grant: 600, IdToken: 600, Interaction: 600, RefreshToken: 600, Session: 600 },
  extraTokenClaims: (_, token) => {
    const [role, institution] = token.accountId.split("/");
    return { home: { institution }, "https://st-anna.example/groups": [role] };
  },
  features: {
    resourceIndicators: {
      defaultResource: () => resource,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: "openid",
        audience: resource,
        accessTokenFormat: "jwt",
        jwt: { sign: { alg: "PS256" } },
      }),
    },
  },
});

provider.listen(Number(port), "127.0.0.1", () => console.log(`listening ${issuer}`));
