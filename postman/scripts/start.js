// Each run uses an e-mail address and a city of its own, so that it can be repeated on the same site.
pm.collectionVariables.set("run", pm.variables.replaceIn("{{$guid}}"));
pm.collectionVariables.set("email", `lucia-${pm.collectionVariables.get("run")}@example.com`);
pm.collectionVariables.set("city", `Ciudad ${pm.collectionVariables.get("run")}`);
pm.collectionVariables.set("polls", 0);
