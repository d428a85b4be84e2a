// Healthy is a primary. The first check makes the replica set of one; a second one at the same time changes nothing.
const member = `mongo-${process.env.SERVICE}:27017`;
db.getSiblingDB("admin").auth("root", fs.readFileSync(`/run/credentials/${process.env.SERVICE}/mongo_root_password`, "utf8"));
try {
  rs.status();
} catch (error) {
  if (error.codeName !== "NotYetInitialized") throw error;
  rs.initiate({ _id: "rs0", members: [{ _id: 0, host: member }] });
}
quit(db.hello().isWritablePrimary ? 0 : 1);
