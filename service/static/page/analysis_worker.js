// Projects, orders and compares off the main thread, so that the page answers while it does.

import { clusterOrder, cosines, heatCells, principalPlane, unitVectors } from "./projection.js";

onmessage = ({ data: { vectors, clusters, n, d } }) => {
  const units = unitVectors(vectors, n, d);
  const matrix = cosines(units, n, d);
  const { x, y, explained } = principalPlane(units, n, d, clusters);
  const order = clusterOrder(units, n, d, clusters);
  const cells = heatCells(matrix, order);
  postMessage({ matrix, x, y, explained, order, cells }, [matrix.buffer, x.buffer, y.buffer, order.buffer, cells.buffer]);
};
