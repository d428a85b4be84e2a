// Until this server is the primary of a replica set of one and has its users. Run again it changes nothing: each step
// looks before it acts. The first user may be made without signing in, from this machine only (localhost exception).
const service = process.env.SERVICE;
const secret = (name) => fs.readFileSync(`/run/credentials/${service}/${name}`, "utf8");
const admin = db.getSiblingDB("admin");

if (!db.hello().setName) {
  rs.initiate({ _id: "rs0", members: [{ _id: 0, host: `mongo-${service}:27017` }] });
}
while (!db.hello().isWritablePrimary) sleep(100);

try {
  admin.auth("root", secret("mongo_root_password"));
} catch {
  admin.createUser({ user: "root", pwd: secret("mongo_root_password"), roles: ["root"] });
  admin.auth("root", secret("mongo_root_password"));
}
if (!admin.getUser(service)) {
  // The service's own user owns its database and sees no other.
  const roles = [{ role: "dbOwner", db: service }];
  admin.createUser({ user: service, pwd: secret("mongo_password"), roles });
}
