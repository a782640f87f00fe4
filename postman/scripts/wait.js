// Repeats the request every second, for at most ten minutes.
const polls = pm.collectionVariables.get("polls") + 1;
if (["uploaded", "processing"].includes(pm.response.json().status) && polls < 600) {
  pm.collectionVariables.set("polls", polls);
  setTimeout(() => pm.execution.setNextRequest(pm.info.requestName), 1000);
} else {
  pm.test("the clip is processed", () => pm.expect(pm.response.json()).to.include({ status: "processed", progress: 1 }));
}
