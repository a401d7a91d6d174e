import type { Case } from "./case.js";
import { callerCases } from "./cases-caller.js";
import { clusterCases } from "./cases-clusters.js";
import { columnCases } from "./cases-columns.js";
import { decodeCases } from "./cases-decode.js";
import { mapCases } from "./cases-maps.js";
import { meanCases } from "./cases-means.js";

export const cases: readonly Case[] = [...meanCases, ...mapCases, ...clusterCases, ...columnCases, ...decodeCases, ...callerCases];
