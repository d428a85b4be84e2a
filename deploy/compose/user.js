// Runs at a database server's first start: the service's own user, who owns its database and sees no other.
const database = process.env.SERVICE;
const password = fs.readFileSync(`/run/credentials/${database}/mongo_password`, "utf8");
db.getSiblingDB("admin").createUser({ user: database, pwd: password, roles: [{ role: "dbOwner", db: database }] });
